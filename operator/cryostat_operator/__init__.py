"""The Cryostat operator: from one `Cryostat` custom resource to a running, secured instance."""
