"""Tests of agent injection."""
