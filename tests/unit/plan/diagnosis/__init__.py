"""Tests of why pods and Deployments do not become ready."""
