"""How people reach the application: its Service, Route or Ingress, the address that follows, and the console's link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...api.network_options import NetworkConfiguration
from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.reasons import Reason
from .ingress_controllers import IngressController, class_name, controller_of, names_protocol

NAME = "exposure"
_PATTERN = frozenset("()|*^$[")


def build(instance: Instance) -> ComponentPlan:
    """The objects, what is missing for an address, and a link that outlives a pause between two admissions."""
    objects, blocked = [service(instance)], []
    problem = route_problem(instance)
    if has_route(instance):
        if instance.tls and not instance.snapshot.ca_certificate:
            held = Problem(
                NAME, Reason.CERTIFICATE_PENDING, "The Route waits for the certificate authority.", actionable=False
            )
            blocked.append(Blocked(Key("Route", instance.namespace, instance.name), held))
        else:
            objects.append(route(instance))
    if has_ingress(instance):
        objects.append(ingress(instance))
    if instance.openshift and instance.snapshot.serves("ConsoleLink"):
        link = Key("ConsoleLink", "", names.instance_hash_name(instance.namespace, instance.name))
        url = application_url(instance)
        if url:
            objects.append(console_link(instance, url))
        elif problem and not problem.actionable and link in instance.snapshot.live:
            blocked.append(Blocked(link, problem))
    return ComponentPlan(
        NAME,
        objects=tuple(objects),
        blocked=tuple(blocked),
        problems=(problem,) if problem else (),
        warnings=_warnings(instance),
    )


def _warnings(instance: Instance) -> tuple[Problem, ...]:
    """Settings that have no effect on this platform."""
    config = _config(instance)
    found = []
    if config.external_host and not has_route(instance):
        message = "networkOptions.coreConfig.externalHost works with OpenShift Routes only; use ingressSpec here."
        found.append(Problem(NAME, Reason.EXTERNAL_HOST_IGNORED, message))
    if config.ingress_spec and has_route(instance):
        message = "networkOptions.coreConfig.ingressSpec is not used on OpenShift; use externalHost here."
        found.append(Problem(NAME, Reason.INGRESS_SPEC_IGNORED, message))
    return tuple(found)


def _config(instance: Instance) -> NetworkConfiguration:
    options = instance.spec.network_options
    return (options.core_config if options else None) or NetworkConfiguration()


def service(instance: Instance) -> Obj:
    config = instance.spec.service_options.core_config if instance.spec.service_options else None
    port = (config.http_port if config else None) or names.PORT_AUTH_PROXY
    controller = _https_controller(instance)
    annotations = {**(controller.service if controller else {}), **((config.annotations if config else None) or {})}
    head = builders.annotate(workloads.service(instance, instance.name, workloads.CORE, config), annotations)
    return head | {
        "spec": {
            "type": workloads.service_type(config),
            "selector": workloads.pod_labels(instance, workloads.CORE),
            "ports": [
                {"name": "http", "port": port, "targetPort": names.PORT_AUTH_PROXY, "appProtocol": instance.scheme},
            ],
        }
    }


def _labels(instance: Instance) -> dict[str, str]:
    return dict(_config(instance).labels or {}) | {"app": instance.name, "component": workloads.CORE}


# --- OpenShift ---


def has_route(instance: Instance) -> bool:
    return instance.openshift and instance.snapshot.serves("Route")


def route(instance: Instance) -> Obj:
    """The Route; without a wished host the live one stays, because clearing it would ask for a new one."""
    live = instance.live("Route", instance.name)
    host = _config(instance).external_host or (live["spec"].get("host") if live else None)
    tls: Obj = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    if instance.tls:
        tls |= {"termination": "reencrypt", "destinationCACertificate": instance.snapshot.ca_certificate}
    return builders.annotate(
        builders.owned(instance, "Route", instance.name, _labels(instance)), _config(instance).annotations
    ) | {
        "spec": {
            **({"host": host} if host else {}),
            "to": {"kind": "Service", "name": instance.name},
            "port": {"targetPort": names.PORT_AUTH_PROXY},
            "tls": tls,
        }
    }


def console_link(instance: Instance, url: str) -> Obj:
    return builders.labeled(
        instance, "ConsoleLink", names.instance_hash_name(instance.namespace, instance.name), ""
    ) | {
        "spec": {
            "text": "Cryostat",
            "href": url,
            "location": "NamespaceDashboard",
            "namespaceDashboard": {"namespaces": [instance.namespace]},
        }
    }


def route_problem(instance: Instance) -> Problem | None:
    """Why there is no address yet, in the router's own words where it gave any."""
    if not has_route(instance) or application_url(instance):
        return None
    rejected = [c for c in _admissions(instance) if c.get("status") == "False"]
    if not rejected:
        message = f"Route {instance.name} has not been admitted by a router yet."
        return Problem(NAME, Reason.ROUTE_NOT_ADMITTED, message)
    words = ": ".join(filter(None, (rejected[0].get("reason"), rejected[0].get("message"))))
    return Problem(NAME, Reason.ROUTE_REJECTED, f"Route {instance.name} was rejected: {words or 'no reason given'}")


def _ingresses(instance: Instance) -> list[Obj]:
    """What the routers say about the host that is wished now."""
    live = instance.live("Route", instance.name)
    entries = ((live or {}).get("status") or {}).get("ingress") or []
    host = _config(instance).external_host or ((live or {}).get("spec") or {}).get("host")
    return [entry for entry in entries if entry.get("host") and host in (None, "", entry["host"])]


def _admissions(instance: Instance) -> Iterator[Obj]:
    for entry in _ingresses(instance):
        yield from (c for c in entry.get("conditions") or [] if c.get("type") == "Admitted")


def _route_url(instance: Instance) -> str | None:
    for entry in _ingresses(instance):
        if any(c.get("type") == "Admitted" and c.get("status") == "True" for c in entry.get("conditions") or []):
            return f"https://{entry['host']}"
    return None


# --- elsewhere ---


def has_ingress(instance: Instance) -> bool:
    return not has_route(instance) and bool(_config(instance).ingress_spec)


def ingress(instance: Instance) -> Obj:
    # Empty lists mean nothing, and the API server drops them.
    config, controller = _config(instance), _https_controller(instance)
    spec = {key: value for key, value in (config.ingress_spec or {}).items() if value != []}
    wanted = controller.ingress if controller else {}
    annotations = {key: value.format(service=instance.name) for key, value in wanted.items()}
    head = builders.owned(instance, "Ingress", instance.name, _labels(instance))
    return builders.annotate(head, {**annotations, **(config.annotations or {})}) | {"spec": spec}


def _https_controller(instance: Instance) -> IngressController | None:
    """The Ingress controller that must call the application by HTTPS, where the operator knows it."""
    config = _config(instance)
    if not (has_ingress(instance) and instance.tls):
        return None
    return controller_of(class_name(config.ingress_spec or {}, config.annotations))


def backend_note(instance: Instance) -> str:
    """What a user must still do for the Ingress controller to reach the application; empty where that is nothing."""
    config = _config(instance)
    if not (has_ingress(instance) and instance.tls):
        return ""
    service_config = instance.spec.service_options.core_config if instance.spec.service_options else None
    service_annotations = (service_config.annotations if service_config else None) or {}
    name = class_name(config.ingress_spec or {}, config.annotations)
    controller = controller_of(name)
    if controller is None:
        if names_protocol(config.annotations, service_annotations):
            return ""
        named = f"IngressClass {name}" if name else "the default IngressClass"
        return (
            f"The operator does not know the controller of {named}: it must call Service {instance.name} by HTTPS, "
            f"which an annotation of that controller in networkOptions.coreConfig.annotations usually sets"
        )
    if controller.verified_by and controller.verified_by not in service_annotations:
        secret = names.ca_secret(instance.namespace, instance.name)
        return (
            f"{controller.name} refuses the certificate of Service {instance.name} unless annotation "
            f"{controller.verified_by} in serviceOptions.coreConfig.annotations names a transport that trusts ca.crt "
            f"of Secret {secret}"
        )
    return ""


def application_url(instance: Instance) -> str | None:
    """Where people find the application: the admitted Route, or the first usable rule of the Ingress; else None."""
    if has_route(instance):
        return _route_url(instance)
    return _ingress_url(instance) if has_ingress(instance) else None


def is_plain(instance: Instance) -> bool:
    """Whether people's browsers reach the application over plain HTTP, as far as the Cryostat tells."""
    url = application_url(instance)
    if url:
        return url.startswith("http://")
    opened = (
        service(instance)["spec"]["type"] != "ClusterIP"
    )  # a node's port or a load balancer leads straight to the proxy
    return opened and not instance.tls and not has_route(instance)


def _ingress_url(instance: Instance) -> str | None:
    spec = _config(instance).ingress_spec or {}
    usable = [rule for rule in spec.get("rules") or [] if rule.get("host") and not rule["host"].startswith("*")]
    ours = [(rule["host"], path) for rule in usable for path in _paths(instance, rule)]
    # A rule that leads elsewhere says at least which host the Ingress answers to.
    candidates = ours or [(rule["host"], "") for rule in usable]
    if not candidates:
        return None
    host, path = candidates[0]
    scheme = "https" if _covered(host, spec.get("tls") or []) else "http"
    return f"{scheme}://{host}{path.rstrip('/')}"


def _paths(instance: Instance, rule: Obj) -> Iterator[str]:
    """Paths of a rule that lead to the application and can be part of an address."""
    for path in (rule.get("http") or {}).get("paths") or []:
        target = ((path.get("backend") or {}).get("service") or {}).get("name")
        if target == instance.name:
            text = path.get("path") or ""
            # With an implementation's own kind of path, a pattern is common: no part of an address.
            yield "" if set(text) & _PATTERN else text


def _covered(host: str, tls: list[dict[str, Any]]) -> bool:
    """Whether an Ingress has a certificate for the host; an entry without hosts is for all of them."""
    wildcard = f"*.{host.partition('.')[2]}"
    return any(not entry.get("hosts") or {host, wildcard} & set(entry["hosts"]) for entry in tls)
