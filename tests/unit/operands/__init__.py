"""Tests of the programs that simulate operands."""
