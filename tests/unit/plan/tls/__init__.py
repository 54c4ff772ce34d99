"""Tests of the decisions about certificates."""
