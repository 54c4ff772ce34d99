"""Tests of the planner's types and tables."""
