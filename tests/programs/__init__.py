"""Tests of real programs with the arguments, variables and files of rendered pods."""
