"""A JVM started as the kubelet would start it, with a stand-in for the agent."""
