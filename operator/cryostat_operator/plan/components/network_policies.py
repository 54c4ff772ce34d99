"""NetworkPolicies: which pods may connect to each component and, on request, what it may connect to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...api.network_options import NetworkPolicyConfig
from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj
from ..model.messages import message
from ..model.problems import Problem
from ..model.reasons import Reason
from . import storage
from .exposure_options import has_ingress

NAME = "policies"
NAMESPACE_NAME = "kubernetes.io/metadata.name"
# Namespaces of DNS and, on OpenShift, of the login and the router.
SYSTEM_NAMESPACES = ("kube-system",)
OPENSHIFT_NAMESPACES = ("openshift-authentication", "openshift-dns", "openshift-ingress")
# Ports of DNS (5353 on OpenShift) at any address: DNS may be served by pods or at a link-local address of the node.
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


def build(instance: Instance) -> ComponentPlan:
    """Return the policies of all components, without those that the spec disables."""
    options = instance.spec.network_policies
    core = _Component(workloads.CORE, "", options.core_config if options else None)
    database = _Component("database", "db-", options.database_config if options else None)
    store = _Component("storage", "storage-", options.storage_config if options else None)
    report = _Component("reports", "reports-", options.reports_config if options else None)
    policies = [
        _ingress(instance, core, _core_ingress(instance)),
        _ingress(instance, database, [_from(instance, [workloads.CORE], names.PORT_DATABASE)]),
        _ingress(instance, report, [_from(instance, [workloads.CORE], names.PORT_REPORTS)]),
        _egress(instance, database, [DNS]),
        _egress(instance, report, _reports_egress(instance)),
    ]
    if not instance.external_storage:
        policies.append(_ingress(instance, store, [_from(instance, [workloads.CORE, "reports"], names.PORT_STORAGE)]))
        policies.append(_egress(instance, store, [DNS]))
    blocked: list[Blocked] = []
    if core.egress and not instance.snapshot.api_server:
        key = Key("NetworkPolicy", instance.namespace, f"{instance.name}-internal-egress")
        blocked.append(Blocked(key, _unknown_api_server()))
    else:
        policies.append(_egress(instance, core, _core_egress(instance)))
    return ComponentPlan(NAME, objects=tuple(obj for obj in policies if obj), blocked=tuple(blocked))


def _unknown_api_server() -> Problem:
    text = message(
        "The NetworkPolicy for egress of the application",
        "is not written",
        cause="the addresses of the API server are not known",
        remedy="Check the EndpointSlices of Service kubernetes in namespace default",
    )
    return Problem(NAME, Reason.API_SERVER_UNKNOWN, text)


def _ingress(instance: Instance, component: _Component, rules: list[Obj]) -> Obj | None:
    spec = {"policyTypes": ["Ingress"], "ingress": rules}
    return _policy(instance, component, f"{component.policy}internal-ingress", spec) if component.ingress else None


def _egress(instance: Instance, component: _Component, rules: list[Obj]) -> Obj | None:
    spec = {"policyTypes": ["Egress"], "egress": rules}
    return _policy(instance, component, f"{component.policy}internal-egress", spec) if component.egress else None


def _policy(instance: Instance, component: _Component, suffix: str, spec: Obj) -> Obj:
    selector = {"matchLabels": workloads.pod_labels(instance, component.name)}
    return builders.owned(instance, "NetworkPolicy", f"{instance.name}-{suffix}") | {
        "spec": {"podSelector": selector, **spec}
    }


def _from(instance: Instance, components: Iterable[str], port: int) -> Obj:
    return {"from": [_pods(instance, component) for component in components], "ports": [_tcp(port)]}


def _pods(instance: Instance, component: str) -> Obj:
    return {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: instance.namespace}},
        "podSelector": {"matchLabels": workloads.pod_labels(instance, component)},
    }


def _tcp(port: int) -> Obj:
    return {"port": port, "protocol": "TCP"}


def _namespaces(found: Iterable[str]) -> Obj:
    return {"namespaceSelector": {"matchExpressions": [{"key": NAMESPACE_NAME, "operator": "In", "values": [*found]}]}}


def _core_ingress(instance: Instance) -> list[Obj]:
    config = instance.spec.service_options.core_config if instance.spec.service_options else None
    # Traffic through a node port or a load balancer does not come from pods. With some network plugins, nor does the
    # traffic of an Ingress controller that uses the network of its node.
    outside = ANYWHERE if workloads.service_type(config) != "ClusterIP" or has_ingress(instance) else ()
    router = {"namespaceSelector": {"matchLabels": {"policy-group.network.openshift.io/ingress": ""}}}
    rules = [{"from": [{"namespaceSelector": {}}, router, *outside], "ports": [_tcp(names.PORT_AUTH_PROXY)]}]
    agents = [target for target in instance.target_namespaces if target not in instance.recreated_targets]
    if agents:
        rules.append({"from": [_namespaces(agents)], "ports": [_tcp(names.PORT_AGENT_GATEWAY)]})
    return rules


def _core_egress(instance: Instance) -> list[Obj]:
    system = (*SYSTEM_NAMESPACES, *(OPENSHIFT_NAMESPACES if instance.openshift else ()))
    addresses = [_host(address) for address in instance.snapshot.api_server]
    ports = [_tcp(port) for port in instance.snapshot.api_server_ports]
    insights = instance.settings.insights_proxy if instance.openshift else None
    return [
        {"to": [_namespaces(sorted({instance.namespace, *system, *instance.target_namespaces}))]},
        {"to": addresses} | ({"ports": ports} if ports else {}),
        *_to_api_server_service(instance),
        DNS,
        *_to_urls(_storage_url(instance), insights),
    ]


def _to_api_server_service(instance: Instance) -> list[Obj]:
    """Allow the address of the Service: some network plugins, such as that of EKS, check it before it is translated."""
    service = instance.settings.api_server_service
    if service is None or service[0] in instance.snapshot.api_server:
        return []
    address, port = service
    return [{"to": [_host(address)], "ports": [_tcp(port)]}]


def _host(address: str) -> Obj:
    return {"ipBlock": {"cidr": f"{address}/{128 if ':' in address else 32}"}}


def _reports_egress(instance: Instance) -> list[Obj]:
    """Report generators fetch recordings from the object storage themselves."""
    if instance.external_storage:
        return [DNS, *_to_urls(_storage_url(instance))]
    return [DNS, {"to": [_pods(instance, "storage")], "ports": [_tcp(names.PORT_STORAGE)]}]


def _storage_url(instance: Instance) -> str | None:
    outside = storage.provider(instance)
    return outside.url if outside else None


def _to_urls(*urls: str | None) -> list[Obj]:
    """Rules for addresses that are known by name only: their ports, wherever they are."""
    ports = sorted({_port(url) for url in urls if url})
    return [{"ports": [_tcp(port) for port in ports]}] if ports else []


def _port(url: str) -> int:
    try:
        port = urlsplit(url).port
    except ValueError:
        port = None
    return port or (80 if url.lower().startswith("http:") else 443)
