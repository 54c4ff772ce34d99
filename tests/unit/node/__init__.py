"""Tests of the parts of a node that need no node."""
