"""Measures reconciles on the embedded control plane. The results are counts and ratios; they do not fail a build."""
