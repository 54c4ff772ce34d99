"""Network policies: who may connect to each component, and, where asked for, where it may connect to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...api.v1beta2 import NetworkPolicyConfig
from .. import k8s, names, workload
from ..instance import Instance
from ..plan import Key, Obj, Part, Problem, Waiting
from . import storage

PART = "policies"
NAMESPACE_NAME = "kubernetes.io/metadata.name"
# Where the cluster's own services are: DNS, and on OpenShift login and console.
SYSTEM_NAMESPACES = ("kube-system",)
OPENSHIFT_NAMESPACES = ("openshift-authentication", "openshift-dns", "openshift-ingress")
# DNS is everywhere: in pods (5353 on OpenShift), and on a link-local address of the node.
DNS: Obj = {"ports": [{"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")]}
ANYWHERE = ({"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}})


@dataclass(frozen=True)
class _Component:
    name: str
    policy: str  # the middle of the policies' names
    config: NetworkPolicyConfig | None

    @property
    def ingress(self) -> bool:
        return not (self.config and (self.config.disabled or self.config.ingress_disabled))

    @property
    def egress(self) -> bool:
        return bool(self.config and self.config.egress_enabled and not self.config.disabled)


def part(i: Instance) -> Part:
    options = i.spec.network_policies
    core = _Component(workload.CORE, "", options.core_config if options else None)
    database = _Component("database", "db-", options.database_config if options else None)
    store = _Component("storage", "storage-", options.storage_config if options else None)
    report = _Component("reports", "reports-", options.reports_config if options else None)
    drawn = [
        _ingress(i, core, _core_ingress(i)),
        _ingress(i, database, [_from(i, [workload.CORE], names.PORT_DATABASE)]),
        _ingress(i, report, [_from(i, [workload.CORE], names.PORT_REPORTS)]),
        _egress(i, database, [DNS]),
        _egress(i, report, _reports_egress(i)),
    ]
    if not i.external_storage:
        drawn.append(_ingress(i, store, [_from(i, [workload.CORE, "reports"], names.PORT_STORAGE)]))
        drawn.append(_egress(i, store, [DNS]))
    waiting: list[Waiting] = []
    if core.egress and not i.facts.api_server:
        key = Key("NetworkPolicy", i.namespace, f"{i.name}-internal-egress")
        waiting.append(Waiting(key, _unknown_api_server()))
    else:
        drawn.append(_egress(i, core, _core_egress(i)))
    return Part(PART, objects=tuple(obj for obj in drawn if obj), waiting=tuple(waiting))


def _unknown_api_server() -> Problem:
    message = "The egress policy of the application waits until the addresses of the API server are known."
    return Problem(PART, "ApiServerUnknown", message)


def _ingress(i: Instance, component: _Component, rules: list[Obj]) -> Obj | None:
    spec = {"policyTypes": ["Ingress"], "ingress": rules}
    return _policy(i, component, f"{component.policy}internal-ingress", spec) if component.ingress else None


def _egress(i: Instance, component: _Component, rules: list[Obj]) -> Obj | None:
    spec = {"policyTypes": ["Egress"], "egress": rules}
    return _policy(i, component, f"{component.policy}internal-egress", spec) if component.egress else None


def _policy(i: Instance, component: _Component, suffix: str, spec: Obj) -> Obj:
    selector = {"matchLabels": workload.pod_labels(i, component.name)}
    return k8s.owned(i, "NetworkPolicy", f"{i.name}-{suffix}") | {"spec": {"podSelector": selector, **spec}}


def _from(i: Instance, components: Iterable[str], port: int) -> Obj:
    return {"from": [_pods(i, component) for component in components], "ports": [_tcp(port)]}


def _pods(i: Instance, component: str) -> Obj:
    return {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: i.namespace}},
        "podSelector": {"matchLabels": workload.pod_labels(i, component)},
    }


def _tcp(port: int) -> Obj:
    return {"port": port, "protocol": "TCP"}


def _namespaces(found: Iterable[str]) -> Obj:
    return {"namespaceSelector": {"matchExpressions": [{"key": NAMESPACE_NAME, "operator": "In", "values": [*found]}]}}


def _core_ingress(i: Instance) -> list[Obj]:
    config = i.spec.service_options.core_config if i.spec.service_options else None
    # Traffic to a node's port or through a load balancer comes from no pod.
    outside = [] if workload.service_type(config) == "ClusterIP" else ANYWHERE
    router = {"namespaceSelector": {"matchLabels": {"policy-group.network.openshift.io/ingress": ""}}}
    return [
        {"from": [{"namespaceSelector": {}}, router, *outside], "ports": [_tcp(names.PORT_AUTH_PROXY)]},
        {"from": [_namespaces(i.target_namespaces)], "ports": [_tcp(names.PORT_AGENT_GATEWAY)]},
    ]


def _core_egress(i: Instance) -> list[Obj]:
    system = (*SYSTEM_NAMESPACES, *(OPENSHIFT_NAMESPACES if i.openshift else ()))
    addresses = [{"ipBlock": {"cidr": f"{a}/{128 if ':' in a else 32}"}} for a in i.facts.api_server]
    insights = i.settings.insights_proxy if i.openshift else None
    return [
        {"to": [_namespaces(sorted({i.namespace, *system, *i.target_namespaces}))]},
        {"to": addresses},
        DNS,
        *_to_urls(_storage_url(i), insights),
    ]


def _reports_egress(i: Instance) -> list[Obj]:
    """Report generators fetch recordings from the object storage themselves."""
    if i.external_storage:
        return [DNS, *_to_urls(_storage_url(i))]
    return [DNS, {"to": [_pods(i, "storage")], "ports": [_tcp(names.PORT_STORAGE)]}]


def _storage_url(i: Instance) -> str | None:
    outside = storage.provider(i)
    return outside.url if outside else None


def _to_urls(*urls: str | None) -> list[Obj]:
    """Rules for addresses that are known by name only: their ports, wherever they are."""
    ports = sorted({_port(url) for url in urls if url})
    return [{"ports": [_tcp(port) for port in ports]}] if ports else []


def _port(url: str) -> int:
    try:
        given = urlsplit(url).port
    except ValueError:
        given = None
    return given or (80 if url.lower().startswith("http:") else 443)
