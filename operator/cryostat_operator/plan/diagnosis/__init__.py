"""Finds why pods, claims and Deployments do not become ready, and what to do about it and about refused writes."""
