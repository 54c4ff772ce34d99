"""Tests of the reconciler and its parts."""
