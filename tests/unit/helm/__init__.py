"""Tests of the conversion of chart values."""
