"""The form that the OpenShift console makes of our CRD and descriptors, drawn by the library that the console uses."""
