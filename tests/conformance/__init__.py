"""Captured objects of the Go operator, and their comparison with the objects of this operator."""
