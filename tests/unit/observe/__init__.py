"""Tests of informers and caches."""
