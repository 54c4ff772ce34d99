"""Prometheus metrics of the operator. `metric_table.py` has their names.

Those of each Cryostat are computed by `observe/instance_metrics.py` when they are read.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Counts
from collections.abc import Collection, Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import Metric as PrometheusMetric
from prometheus_client.registry import Collector

from . import metric_table as table
from .metric_table import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All metrics of one operator process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self.reconciles = self._counter(table.RECONCILES)
        self.reconcile_duration = self._histogram(table.RECONCILE_DURATION)
        self.reconcile_errors = self._counter(table.RECONCILE_ERRORS)
        self.queue_depth = self._gauge(table.QUEUE_DEPTH)
        self.instances = self._gauge(table.INSTANCES)
        self.watch_silence = self._gauge(table.WATCH_SILENCE)
        self.api_requests = self._counter(table.API_REQUESTS)
        self.api_request_duration = self._histogram(table.API_REQUEST_DURATION)
        self.leader = self._gauge(table.LEADER)
        self.webhook_reachable = self._gauge(table.WEBHOOK_REACHABLE)
        self.webhook_reachable.set(1)
        self.webhook_requests = self._counter(table.WEBHOOK_REQUESTS)
        self.webhook_duration = self._histogram(table.WEBHOOK_DURATION)
        self.injections = InjectionCounts()

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.label_names, registry=self._registry)

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.help, metric.label_names, registry=self._registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(metric.name, metric.help, metric.label_names, buckets=metric.buckets, registry=self._registry)

    def register(self, collector: Collector) -> None:
        """Add metrics that are computed when they are read."""
        self._registry.register(collector)

    def set_webhook_reachable(self, reachable: bool) -> None:
        """Record whether the API server could call the webhooks at the last check."""
        self.webhook_reachable.set(int(reachable))

    def observe_review(self, path: str, code: int, seconds: float, from_api_server: bool) -> None:
        """Record a webhook request: its path, the HTTP status code, the duration in seconds, and who sent it."""
        self.webhook_requests.labels(path, "api_server" if from_api_server else "unverified").inc()
        self.webhook_duration.labels(path, str(code)).observe(seconds)

    def observe_request(self, verb: str, code: int, seconds: float) -> None:
        """Record a request to the API server. Watches have no duration: they end when the server ends them."""
        self.api_requests.labels(verb, str(code)).inc()
        if verb != "WATCH":
            self.api_request_duration.labels(verb).observe(seconds)

    async def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus. A thread renders it: 1,000 Cryostats take 0.3 s."""
        collected = _Collected(list(self._registry.collect()))
        return await asyncio.to_thread(generate_latest, collected)


class _Collected(Collector):
    """Samples of one moment."""

    def __init__(self, families: list[PrometheusMetric]) -> None:
        self._families = families

    def collect(self) -> Iterable[PrometheusMetric]:
        return self._families


class InjectionCounts:
    """Counts reviews of pods that ask for the agent, by Cryostat, target namespace and result.

    Attributes:
        counts: (namespace and name of the Cryostat, target namespace, result) → reviews.
    """

    def __init__(self) -> None:
        self.counts: Counts[tuple[str, str, str, str]] = Counts()

    def count(self, result: str, namespace: str = "", name: str = "", target: str = "") -> None:
        """Count one review.

        Args:
            result: `added`, `not_added` or `failed`.
            namespace: namespace of an existing Cryostat, else empty: authors of pods may write any label.
            name: name of this Cryostat.
            target: the pod's namespace if it is a target namespace, else empty.
        """
        self.counts[namespace, name, target, result] += 1

    def keep(self, instances: Collection[tuple[str, str]]) -> None:
        """Forget all Cryostats except these, given as (namespace, name)."""
        for key in [key for key in self.counts if key[1] and key[:2] not in instances]:
            del self.counts[key]
