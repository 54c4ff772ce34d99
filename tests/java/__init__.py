"""A JVM with the environment of a container, and a simulated agent."""
