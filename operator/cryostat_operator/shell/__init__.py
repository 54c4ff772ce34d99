"""The front door: kopf's handlers, the queue, and the loop."""
