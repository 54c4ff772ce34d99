"""Tests of the drawing office: no cluster, no clock, milliseconds each."""
