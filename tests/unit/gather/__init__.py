"""Unit tests of `cryostat_operator.gather`."""
