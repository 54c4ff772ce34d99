"""What Prometheus is told about the operator."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """All metrics of one operator process; but for the election's, names begin with `cryostat_operator_`."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        prefix = "cryostat_operator"
        self.reconciles = Counter(
            f"{prefix}_reconciles_total", "Runs of the loop by result", ["result"], registry=registry
        )
        self.duration = Histogram(
            f"{prefix}_reconcile_duration_seconds",
            "Time that one run of the loop took",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=registry,
        )
        self.errors = Counter(
            f"{prefix}_reconcile_errors_total",
            "What kept instances from being as wished",
            ["reason"],
            registry=registry,
        )
        self.depth = Gauge(f"{prefix}_queue_depth", "Cryostats that are due, running or scheduled", registry=registry)
        self.instances = Gauge(f"{prefix}_instances", "Cryostats known to the operator", registry=registry)
        self.requests = Counter(
            f"{prefix}_api_requests_total", "Requests to the API server", ["verb", "code"], registry=registry
        )
        self.request_duration = Histogram(
            f"{prefix}_api_request_duration_seconds",
            "Time until the API server answered",
            ["verb"],
            buckets=(0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=registry,
        )
        # The name that client-go gives it, which alerts on operators know.
        self.leader = Gauge(
            "leader_election_master_status", "Whether this replica leads: 1, or 0", ["name"], registry=registry
        )
        self.reviews = Histogram(
            f"{prefix}_webhook_duration_seconds",
            "Time that an answer to the API server took",
            ["path", "code"],
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
            registry=registry,
        )

    def observe_review(self, path: str, code: int, seconds: float) -> None:
        self.reviews.labels(path, str(code)).observe(seconds)

    def observe_request(self, verb: str, code: int, seconds: float) -> None:
        self.requests.labels(verb, str(code)).inc()
        if verb != "WATCH":
            self.request_duration.labels(verb).observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
