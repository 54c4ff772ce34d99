"""What the Go operator makes of the same Cryostats, as data, and the comparison with what this operator makes."""
