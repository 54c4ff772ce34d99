"""The shell's own parts, without a cluster."""
