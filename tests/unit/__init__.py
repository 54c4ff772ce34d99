"""Tests of single modules: no binaries, no network, under a minute in all."""
