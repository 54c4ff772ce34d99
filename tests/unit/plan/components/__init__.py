"""Tests of the components, one file per component."""
