"""Measures reconciles on the embedded control plane. The figures are counts and ratios; they do not fail a build."""
