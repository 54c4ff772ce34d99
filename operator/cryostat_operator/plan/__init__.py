"""Computes the desired state of one Cryostat. Pure: no I/O, no clock, no randomness."""
