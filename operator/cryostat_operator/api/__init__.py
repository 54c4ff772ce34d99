"""The Kubernetes API of Cryostat: models, validation, conversion and permissions of v1beta2 and v1beta1."""
