"""Tests of the comparison of desired and live objects."""
