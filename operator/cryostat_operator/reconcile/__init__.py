"""The work queue and the reconciler: observe, plan, diff, apply, report status."""
