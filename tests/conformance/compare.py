"""Compares two sets of Kubernetes objects, planned or read from an API server, and reads the intended differences.

It ignores fields that the API server sets, the values of Secrets, the text of configuration files and the values of
content hashes.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from cryostat_operator.plan.quantities import quantity

Obj = dict[str, Any]
HERE = Path(__file__).parent

# Defaults of the API server.
_DEFAULTS: Mapping[str, Any] = {
    "protocol": "TCP",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "progressDeadlineSeconds": 600,
    "revisionHistoryLimit": 10,
    "defaultMode": 0o644,
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "externalTrafficPolicy": "Cluster",
    "allocateLoadBalancerNodePorts": True,
    "volumeMode": "Filesystem",
    "wildcardPolicy": "None",
    "weight": 100,
    "value": "",
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
}
# Chosen by the API server or by controllers.
_ALLOCATED = frozenset(
    {"serviceAccount", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "nodePort", "healthCheckNodePort"}
)
# Beginnings of annotations in which controllers, clients and this operator record something.
_RECORDS = (
    "cert-manager.io/",
    "deployment.kubernetes.io/",
    "pv.kubernetes.io/",
    "volume.",
    "kubectl.",
    "kopf.",
    "openshift.io/host.generated",
    "operator.cryostat.io/database-keys",
    "operator.cryostat.io/database-release",
    "operator.cryostat.io/ingress-class",
)
_METADATA = ("name", "namespace", "labels", "annotations", "ownerReferences")
_QUANTITIES = frozenset({"requests", "limits"})
_QUANTITY_FIELDS = frozenset({"sizeLimit"})
# Lists with named entries. The order of all other lists matters, except for sets.
_KEYED = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}
_SETS = frozenset({"ports", "subjects", "from", "to", "ingress", "egress", "sources", "items", "values", "accessModes"})


@dataclass(frozen=True)
class Difference:
    """An intended difference.

    Attributes:
        pattern: an fnmatch pattern for `Kind/name:path`.
        fault: the number of the Go operator's fault that it repairs, or 0.
        reason: the reason for the difference.
        value: the required value of this operator; any value if absent.
    """

    pattern: str
    fault: int
    reason: str
    value: Any = ...

    def covers(self, place: str, actual: Any) -> bool:
        return fnmatchcase(place, _literal(self.pattern)) and (self.value is ... or self.value == actual)


def _literal(pattern: str) -> str:
    """The pattern with escaped brackets, because brackets in paths are literal."""
    return re.sub(r"\[", "[[]", pattern)


@dataclass
class Differences:
    """The intended differences, and those of them that occurred."""

    entries: tuple[Difference, ...]
    used: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, path: Path = HERE / "differences.yaml") -> Differences:
        entries = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        return cls(tuple(Difference(**entry) for entry in entries))

    def cover(self, place: str, actual: Any) -> bool:
        found = [entry for entry in self.entries if entry.covers(place, actual)]
        self.used.update(entry.pattern for entry in found)
        return bool(found)

    @property
    def unused(self) -> list[Difference]:
        return [entry for entry in self.entries if entry.pattern not in self.used]


_ABSENT = "(absent)"
_ORDER = ":order"


def compare(expected: Iterable[Obj], actual: Iterable[Obj], differences: Differences) -> list[str]:
    """The other differences, one line each, sorted: `Kind/namespace/name:path expected … got …`."""
    wanted, found = _by_key(expected), _by_key(actual)
    lines = []
    for key in sorted({*wanted, *found}):
        kind, namespace, name = key
        left, right = wanted.get(key), found.get(key)
        if left is None or right is None:
            if not differences.cover(f"{kind}/{name}:", _ABSENT if right is None else right):
                lines.append(f"{kind}/{namespace}/{name} {'missing' if right is None else 'not expected'}")
            continue
        wanted_values, found_values = dict(_flat(left)), dict(_flat(right))
        for path in sorted({*wanted_values, *found_values}):
            want, got = wanted_values.get(path, _ABSENT), found_values.get(path, _ABSENT)
            if path.endswith(_ORDER) and _ABSENT not in (want, got):  # the order of what both have
                want, got = [name for name in want if name in got], [name for name in got if name in want]
            if want != got and not differences.cover(f"{kind}/{name}:{path}", got):
                lines.append(f"{kind}/{namespace}/{name}:{path} expected {want!r} got {got!r}")
    return lines


def _by_key(objects: Iterable[Obj]) -> dict[tuple[str, str, str], Obj]:
    normal = [normalize(obj) for obj in objects]
    return {(o["kind"], o["metadata"].get("namespace") or "", o["metadata"]["name"]): o for o in normal}


def normalize(obj: Obj) -> Obj:
    """The object without fields that an API server sets."""
    o: Obj = copy.deepcopy(obj)
    o.pop("status", None)
    o["metadata"] = {key: o["metadata"][key] for key in _METADATA if o["metadata"].get(key)}
    if "labels" in o["metadata"]:
        labels = o["metadata"].pop("labels")
        o["metadata"] |= _given("labels", {k: v for k, v in labels.items() if not k.startswith("controller.cert-")})
    annotations = o["metadata"].get("annotations") or {}
    o["metadata"]["annotations"] = {k: v for k, v in annotations.items() if not k.startswith(_RECORDS)}
    o["metadata"]["ownerReferences"] = [
        {"kind": r["kind"], "name": r["name"], "controller": r.get("controller", False)}
        for r in o["metadata"].get("ownerReferences") or ()
    ]
    by_kind = {
        "ConfigMap": _config_map,
        "Secret": _secret,
        "Deployment": _deployment,
        "Service": _service,
        "PersistentVolumeClaim": _claim,
        "NetworkPolicy": _network_policy,
        "Route": _route,
    }
    by_kind.get(o["kind"], lambda _: None)(o)
    cleaned: Obj = _without_defaults(o)
    return cleaned


def _given(name: str, value: Obj) -> Obj:
    return {name: value} if value else {}


def _config_map(o: Obj) -> None:
    for key, value in (o.get("data") or {}).items():
        if key.endswith(".json"):
            parsed = json.loads(value) if isinstance(value, str) else value
            o["data"][key] = _lower_keys(parsed)  # the values that oauth2-proxy reads
        elif key.endswith((".conf", ".pem")):
            o["data"][key] = "<text>"


def _lower_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lower_keys(inner) for key, inner in value.items()}
    return [_lower_keys(inner) for inner in value] if isinstance(value, list) else value


def _secret(o: Obj) -> None:
    o["data"] = dict.fromkeys(o.get("data") or {}, "<generated>")


def _deployment(o: Obj) -> None:
    metadata = o["spec"]["template"]["metadata"]
    metadata.pop("creationTimestamp", None)
    for key in metadata.get("annotations") or {}:
        if key.endswith("-hash"):
            metadata["annotations"][key] = "<hash>"


def _service(o: Obj) -> None:
    if o["spec"].get("clusterIP") != "None":
        o["spec"].pop("clusterIP", None)


def _claim(o: Obj) -> None:
    o["spec"].pop("volumeName", None)


def _network_policy(o: Obj) -> None:
    for rule in o["spec"].get("egress") or []:
        for peer in rule.get("to") or []:
            if "ipBlock" in peer:
                peer["ipBlock"]["cidr"] = "<apiserver>"


def _route(o: Obj) -> None:
    if o["spec"]["tls"].get("destinationCACertificate"):
        o["spec"]["tls"]["destinationCACertificate"] = "<ca>"


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in _ALLOCATED and not (k in _DEFAULTS and _DEFAULTS[k] == v)}
        cleaned = {key: _without_defaults(inner) for key, inner in kept.items()}
        return {key: inner for key, inner in cleaned.items() if inner is not None and inner != []}
    return [_without_defaults(inner) for inner in value] if isinstance(value, list) else value


def _are_options(name: str, value: Any) -> bool:
    """Whether these are named arguments, so that their order does not matter."""
    return name == "args" and isinstance(value, list) and all(argument.startswith("--") for argument in value)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    name = path.rsplit(".", 1)[-1]
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            amount = (name in _QUANTITIES and not isinstance(inner, dict)) or key in _QUANTITY_FIELDS
            yield from _flat(str(quantity(inner).normalize()) if amount else inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and name in _KEYED:
        key = _KEYED[name]
        if name == "env":  # a variable can refer to earlier ones
            yield path + _ORDER, list(dict.fromkeys(entry[key] for entry in value))
        for entry in value:
            yield from _flat({k: v for k, v in entry.items() if k != key} or None, f"{path}[{entry[key]}]")
    elif _are_options(name, value):
        for option in sorted({argument.partition("=")[0] for argument in value}):
            yield f"{path}[{option}]", [a.partition("=")[2] for a in value if a.partition("=")[0] == option]
    elif isinstance(value, list):
        entries = [json.dumps(entry, sort_keys=True) for entry in value]
        yield f"{path}[]", sorted(entries) if name in _SETS else entries
    else:
        yield path, value
