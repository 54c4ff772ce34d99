"""Tests of the access to the Kubernetes API."""
