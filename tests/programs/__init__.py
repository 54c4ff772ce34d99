"""Real programs, started from the pods that the operator renders."""
