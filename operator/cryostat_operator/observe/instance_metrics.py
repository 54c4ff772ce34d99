"""Metrics of each existing Cryostat, computed from memory when Prometheus reads them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from .. import metric_table as table
from ..metrics import InjectionCounts
from ..plan.model import names
from ..plan.model.kinds import InstanceKey, Key, Obj
from ..plan.model.owned_names import can_own
from ..plan.model.reason_groups import COMPONENT_REASONS
from ..plan.model.reasons import Reason
from ..plan.quantities import quantity
from .cryostats import CryostatStore
from .owned_objects import OwnedObjects
from .records import Record

CONDITIONS = frozenset({"Ready", "ReconciliationActive", *(reason.condition for reason in Reason if reason.condition)})
"""Types of conditions that are exposed: not those that are copied from Deployments."""
STATUSES = ("True", "False", "Unknown")
OTHER = "Other"  # in place of a reason that this operator does not have
_REASONS = frozenset(str(reason) for reason in Reason)
_COMPONENT = re.compile(r"^(Main|Database|Storage|Reports)(?=[A-Z])")
# Suffix of the Secret's name → value of the label `certificate`.
_CERTIFICATES = {
    "-tls": "application",
    "-agent-tls": "agent-gateway",
    "-database-tls": "database",
    "-storage-tls": "storage",
    "-reports-tls": "reports",
}


class InstanceMetrics(Collector):
    """Collects the metrics of all Cryostats. It makes no requests.

    Args:
        cryostats: the Cryostats, with their statuses.
        owned: their objects.
        injections: counts of injected agents; those of deleted Cryostats are removed from it.
    """

    def __init__(self, cryostats: CryostatStore, owned: OwnedObjects, injections: InjectionCounts) -> None:
        self._cryostats = cryostats
        self._owned = owned
        self._injections = injections
        self._sizes: dict[Key, tuple[str, float]] = {}  # resource version and bytes of each claim that was parsed

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Return all samples of all Cryostats that exist now."""
        ready, observed = _gauge(table.INSTANCE_READY), _gauge(table.INSTANCE_SPEC_OBSERVED)
        conditions, expiries = _gauge(table.INSTANCE_CONDITION), _gauge(table.CERTIFICATE_NOT_AFTER)
        sizes = _gauge(table.VOLUME_REQUESTED)
        instances = list(self._cryostats)
        parsed: dict[Key, tuple[str, float]] = {}
        for instance_key in instances:
            body = self._cryostats.get(instance_key) or {}
            found = dict(_conditions(body))
            ready.add_metric([*instance_key], float(found.get("Ready", ("", ""))[0] == "True"))
            observed.add_metric([*instance_key], float(_is_observed(body)))
            for condition, (status, reason) in found.items():
                conditions.add_metric([*instance_key, condition, status, reason], 1.0)
            records = self._owned.records(instance_key)
            for name, seconds in certificate_expiries(instance_key, records).items():
                expiries.add_metric([*instance_key, name], seconds)
            for claim, record in records.items():
                if claim.kind == "PersistentVolumeClaim" and can_own(instance_key, claim):
                    known = self._sizes.get(claim)
                    size = known[1] if known and known[0] == record.version else requested_bytes(record.obj)
                    parsed[claim] = record.version, size
                    sizes.add_metric([*instance_key, claim.name], size)
        self._sizes = parsed
        yield from (ready, observed, conditions, expiries, sizes, self._collect_injections(instances))

    def describe(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """Return the metrics without samples, so that registering them collects nothing."""
        gauges = [_gauge(metric) for metric in table.INSTANCE_METRICS if metric is not table.AGENT_INJECTIONS]
        return [*gauges, _injections()]

    def _collect_injections(self, instances: Iterable[InstanceKey]) -> CounterMetricFamily:
        self._injections.keep({(instance_key.namespace, instance_key.name) for instance_key in instances})
        family = _injections()
        for labels, value in self._injections.counts.items():
            family.add_metric([*labels], value)
        return family


def certificate_expiries(instance_key: InstanceKey, records: Mapping[Key, Record]) -> dict[str, float]:
    """Return when certificates expire, in seconds since the epoch, by the value of the label `certificate`.

    Certificates of agents are one entry, so that the number of entries does not depend on that of target namespaces.
    """
    expiries: dict[str, float] = {}
    for key, record in records.items():
        certificate = record.certificate
        if not certificate or not certificate.info.not_after or key.namespace != instance_key.namespace:
            continue
        if key.name == names.ca_secret(*instance_key):
            name = "ca"
        elif key.name.startswith(instance_key.name) and key.name.removeprefix(instance_key.name) in _CERTIFICATES:
            name = _CERTIFICATES[key.name.removeprefix(instance_key.name)]
        elif can_own(instance_key, key):
            name = "agents"
        else:
            continue
        expiry = datetime.datetime.fromisoformat(certificate.info.not_after).timestamp()
        expiries[name] = min(expiry, expiries.get(name, expiry))
    return expiries


def requested_bytes(claim: Obj) -> float:
    """Return the size that a PersistentVolumeClaim requests; 0 if it is not known."""
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    try:
        return float(quantity(requests.get("storage") or 0))
    except ValueError:
        return 0.0


def _conditions(body: Obj) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield type, status and reason of each condition; values that the operator does not write are left out."""
    for each in (body.get("status") or {}).get("conditions") or ():
        kind, status = each.get("type"), each.get("status")
        if kind in CONDITIONS and status in STATUSES:
            yield kind, (status, known_reason(str(each.get("reason") or "")))


def known_reason(reason: str) -> str:
    """Return a reason if the operator has it, else `OTHER`: other clients may write a status, too."""
    return reason if reason in _REASONS or _COMPONENT.sub("", reason) in COMPONENT_REASONS else OTHER


def _is_observed(body: Obj) -> bool:
    generation = (body.get("metadata") or {}).get("generation", 0)
    return bool((body.get("status") or {}).get("observedGeneration", 0) == generation)


def _gauge(metric: table.Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.label_names)


def _injections() -> CounterMetricFamily:
    metric = table.AGENT_INJECTIONS
    return CounterMetricFamily(metric.name, metric.help, labels=metric.label_names)
