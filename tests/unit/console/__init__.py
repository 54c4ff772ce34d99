"""Unit tests of `cryostat_operator.console`."""
