"""Quick starts and YAML samples in the web console of OpenShift."""
