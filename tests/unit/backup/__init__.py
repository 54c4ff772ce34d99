"""Unit tests of `cryostat_operator.backup`."""
