"""Informers and caches: the observed state of the cluster, as snapshots for the planner."""
