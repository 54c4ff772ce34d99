"""Tests of single modules, without other programs than Python and a shell, and with loopback as the only network."""
