"""Admission of Cryostats, conversion between their versions, and agent injection into pods."""
