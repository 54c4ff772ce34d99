"""Generates crds/, manifests/, bundle/ and overlays/ from the models, the table of kinds and the settings."""
