"""The print shop: files that are generated from the models, the table of kinds and the settings."""
