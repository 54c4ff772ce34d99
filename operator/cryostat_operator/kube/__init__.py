"""All access to the Kubernetes API: client, credentials, reflector, discovery, events, leader election."""
