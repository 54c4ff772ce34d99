"""Tests of single modules, without binaries and network. All together take less than a minute."""
