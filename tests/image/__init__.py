"""The container image, as far as that can be checked without a container engine."""
