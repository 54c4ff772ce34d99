"""Generates crds/, manifests/ and bundle/ from the models, the table of kinds and the settings."""
