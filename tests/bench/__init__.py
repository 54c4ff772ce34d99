"""Measures the loop on the embedded control plane; figures are counts and ratios, nothing here can fail a build."""
