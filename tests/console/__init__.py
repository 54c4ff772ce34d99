"""The form that the OpenShift console generates from the CRD and the descriptors, rendered by the console's library."""
