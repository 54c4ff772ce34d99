"""A JVM, started with the environment that the kubelet would set, and a replacement of the agent."""
