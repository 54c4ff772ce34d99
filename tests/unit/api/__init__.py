"""Tests of the API models."""
