"""Tests of the container image that need no container engine."""
