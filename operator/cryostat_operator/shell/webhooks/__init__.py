"""The counter clerk: admission of Cryostats, conversion between their versions, and agents for labelled pods."""
