"""Tests of the programs that replace operands."""
