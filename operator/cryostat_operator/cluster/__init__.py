"""The post room: the only place that speaks to the API server."""
