"""One module per component of an instance; each builds all objects of its component."""
