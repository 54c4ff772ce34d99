"""The form that the OpenShift console generates from the CRD and the descriptors, rendered with its library."""
