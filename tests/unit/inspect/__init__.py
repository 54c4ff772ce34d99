"""Unit tests of `cryostat_operator.inspect`."""
