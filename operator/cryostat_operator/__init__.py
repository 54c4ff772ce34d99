"""The Cryostat operator: from one `Cryostat` custom resource to a running, secured instance."""

__version__ = "0.1.0"
