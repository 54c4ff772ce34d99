"""What is generated: the CRD, the installation, the samples."""
