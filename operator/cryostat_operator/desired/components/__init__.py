"""The parts of an instance: one module each, which knows all of its part and draws all of its objects."""
