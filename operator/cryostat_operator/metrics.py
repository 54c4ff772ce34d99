"""Prometheus metrics of the operator."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All metrics of one operator process. All names but that of leader election begin with `cryostat_operator_`."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        prefix = "cryostat_operator"
        self.reconciles = Counter(f"{prefix}_reconciles_total", "Reconciles by result", ["result"], registry=registry)
        self.duration = Histogram(
            f"{prefix}_reconcile_duration_seconds",
            "Duration of one reconcile in seconds",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=registry,
        )
        self.errors = Counter(
            f"{prefix}_reconcile_errors_total",
            "Refused writes by reason",
            ["reason"],
            registry=registry,
        )
        self.depth = Gauge(
            f"{prefix}_queue_depth", "Cryostats to reconcile now or within ten seconds", registry=registry
        )
        self.instances = Gauge(f"{prefix}_instances", "Cryostats known to the operator", registry=registry)
        self.requests = Counter(
            f"{prefix}_api_requests_total", "Requests to the API server", ["verb", "code"], registry=registry
        )
        self.request_duration = Histogram(
            f"{prefix}_api_request_duration_seconds",
            "Duration of requests to the API server in seconds",
            ["verb"],
            buckets=(0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=registry,
        )
        # The name that client-go uses, so that common alerts work.
        self.leader = Gauge(
            "leader_election_master_status", "1 if this replica is leader, else 0", ["name"], registry=registry
        )
        self.webhook_reachable = Gauge(
            f"{prefix}_webhook_reachable", "Whether the API server can call the webhooks: 1, or 0", registry=registry
        )
        self.webhook_reachable.set(1)
        self.reviews = Histogram(
            f"{prefix}_webhook_duration_seconds",
            "Duration of webhook requests in seconds",
            ["path", "code"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
            registry=registry,
        )

    def set_webhook_reachable(self, reachable: bool) -> None:
        """Record whether the API server could call the webhooks at the last check."""
        self.webhook_reachable.set(int(reachable))

    def observe_review(self, path: str, code: int, seconds: float) -> None:
        """Record a webhook request: its path, the HTTP status code and the duration in seconds."""
        self.reviews.labels(path, str(code)).observe(seconds)

    def observe_request(self, verb: str, code: int, seconds: float) -> None:
        """Record a request to the API server. Watches have no duration: they end when the server ends them."""
        self.requests.labels(verb, str(code)).inc()
        if verb != "WATCH":
            self.request_duration.labels(verb).observe(seconds)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
