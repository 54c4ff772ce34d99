"""The components of an instance. A module with `build` has all objects of one component, other modules have parts."""
