"""Compares the desired with the live state and decides what to write."""
