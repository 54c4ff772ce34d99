"""How people reach the application: its Service, Route or Ingress, the address that follows, and the console's link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...api.v1beta2 import NetworkConfiguration
from .. import k8s, names, workload
from ..instance import Instance
from ..plan import Key, Obj, Part, Problem, Waiting

PART = "exposure"
_PATTERN = frozenset("()|*^$[")


def part(i: Instance) -> Part:
    """The objects, what is missing for an address, and a link that outlives a pause between two admissions."""
    objects, waiting = [service(i)], []
    problem = route_problem(i)
    if has_route(i):
        if i.tls and not i.facts.ca_certificate:
            held = Problem(PART, "CertificatePending", "The Route waits for the certificate authority.", warning=False)
            waiting.append(Waiting(Key("Route", i.namespace, i.name), held))
        else:
            objects.append(route(i))
    if has_ingress(i):
        objects.append(ingress(i))
    if i.openshift and i.facts.serves("ConsoleLink"):
        link = Key("ConsoleLink", "", names.instance_hash_name(i.namespace, i.name))
        url = application_url(i)
        if url:
            objects.append(console_link(i, url))
        elif problem and not problem.warning and link in i.facts.live:
            waiting.append(Waiting(link, problem))
    return Part(PART, objects=tuple(objects), waiting=tuple(waiting), problems=(problem,) if problem else ())


def notices(i: Instance) -> tuple[Problem, ...]:
    """Settings that have no effect on this platform."""
    config = _config(i)
    found = []
    if config.external_host and not i.openshift:
        message = "networkOptions.coreConfig.externalHost works with OpenShift Routes only; use ingressSpec here."
        found.append(Problem(PART, "ExternalHostIgnored", message))
    if config.ingress_spec and i.openshift:
        message = "networkOptions.coreConfig.ingressSpec is not used on OpenShift; use externalHost here."
        found.append(Problem(PART, "IngressSpecIgnored", message))
    return tuple(found)


def _config(i: Instance) -> NetworkConfiguration:
    options = i.spec.network_options
    return (options.core_config if options else None) or NetworkConfiguration()


def service(i: Instance) -> Obj:
    config = i.spec.service_options.core_config if i.spec.service_options else None
    port = (config.http_port if config else None) or names.PORT_AUTH_PROXY
    return workload.service(i, i.name, workload.CORE, config) | {
        "spec": {
            "type": workload.service_type(config),
            "selector": workload.pod_labels(i, workload.CORE),
            "ports": [
                {"name": "http", "port": port, "targetPort": names.PORT_AUTH_PROXY, "appProtocol": i.scheme},
            ],
        }
    }


def _labels(i: Instance) -> dict[str, str]:
    return dict(_config(i).labels or {}) | {"app": i.name, "component": workload.CORE}


# --- OpenShift ---


def has_route(i: Instance) -> bool:
    return i.openshift and i.facts.serves("Route")


def route(i: Instance) -> Obj:
    """The Route; without a wished host the live one stays, because clearing it would ask for a new one."""
    live = i.live("Route", i.name)
    host = _config(i).external_host or (live["spec"].get("host") if live else None)
    tls: Obj = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    if i.tls:
        tls |= {"termination": "reencrypt", "destinationCACertificate": i.facts.ca_certificate}
    return k8s.annotate(k8s.owned(i, "Route", i.name, _labels(i)), _config(i).annotations) | {
        "spec": {
            **({"host": host} if host else {}),
            "to": {"kind": "Service", "name": i.name},
            "port": {"targetPort": names.PORT_AUTH_PROXY},
            "tls": tls,
        }
    }


def console_link(i: Instance, url: str) -> Obj:
    return k8s.marked(i, "ConsoleLink", names.instance_hash_name(i.namespace, i.name), "") | {
        "spec": {
            "text": "Cryostat",
            "href": url,
            "location": "NamespaceDashboard",
            "namespaceDashboard": {"namespaces": [i.namespace]},
        }
    }


def route_problem(i: Instance) -> Problem | None:
    """Why there is no address yet, in the router's own words where it gave any."""
    if not has_route(i) or application_url(i):
        return None
    rejected = [c for c in _admissions(i) if c.get("status") == "False"]
    if not rejected:
        message = f"Route {i.name} has not been admitted by a router yet."
        return Problem(PART, "RouteNotAdmitted", message, warning=False)
    words = ": ".join(filter(None, (rejected[0].get("reason"), rejected[0].get("message"))))
    return Problem(PART, "RouteRejected", f"Route {i.name} was rejected: {words or 'no reason given'}")


def _ingresses(i: Instance) -> list[Obj]:
    """What the routers say about the host that is wished now."""
    live = i.live("Route", i.name)
    entries = ((live or {}).get("status") or {}).get("ingress") or []
    host = _config(i).external_host or ((live or {}).get("spec") or {}).get("host")
    return [entry for entry in entries if entry.get("host") and host in (None, "", entry["host"])]


def _admissions(i: Instance) -> Iterator[Obj]:
    for entry in _ingresses(i):
        yield from (c for c in entry.get("conditions") or [] if c.get("type") == "Admitted")


def _route_url(i: Instance) -> str | None:
    for entry in _ingresses(i):
        if any(c.get("type") == "Admitted" and c.get("status") == "True" for c in entry.get("conditions") or []):
            return f"https://{entry['host']}"
    return None


# --- elsewhere ---


def has_ingress(i: Instance) -> bool:
    return not i.openshift and bool(_config(i).ingress_spec)


def ingress(i: Instance) -> Obj:
    # Empty lists mean nothing, and the API server drops them.
    spec = {key: value for key, value in (_config(i).ingress_spec or {}).items() if value != []}
    return k8s.annotate(k8s.owned(i, "Ingress", i.name, _labels(i)), _config(i).annotations) | {"spec": spec}


def application_url(i: Instance) -> str | None:
    """Where people find the application: the admitted Route, or the first usable rule of the Ingress; else None."""
    if i.openshift:
        return _route_url(i) if has_route(i) else None
    return _ingress_url(i) if has_ingress(i) else None


def is_plain(i: Instance) -> bool:
    """Whether people's browsers reach the application over plain HTTP, as far as the Cryostat tells."""
    url = application_url(i)
    if url:
        return url.startswith("http://")
    opened = service(i)["spec"]["type"] != "ClusterIP"  # a node's port or a load balancer leads straight to the proxy
    return opened and not i.tls and not i.openshift


def _ingress_url(i: Instance) -> str | None:
    spec = _config(i).ingress_spec or {}
    usable = [rule for rule in spec.get("rules") or [] if rule.get("host") and not rule["host"].startswith("*")]
    ours = [(rule["host"], path) for rule in usable for path in _paths(i, rule)]
    # A rule that leads elsewhere says at least which host the Ingress answers to.
    candidates = ours or [(rule["host"], "") for rule in usable]
    if not candidates:
        return None
    host, path = candidates[0]
    scheme = "https" if _covered(host, spec.get("tls") or []) else "http"
    return f"{scheme}://{host}{path.rstrip('/')}"


def _paths(i: Instance, rule: Obj) -> Iterator[str]:
    """Paths of a rule that lead to the application and can be part of an address."""
    for path in (rule.get("http") or {}).get("paths") or []:
        target = ((path.get("backend") or {}).get("service") or {}).get("name")
        if target == i.name:
            text = path.get("path") or ""
            # With an implementation's own kind of path, a pattern is common: no part of an address.
            yield "" if set(text) & _PATTERN else text


def _covered(host: str, tls: list[dict[str, Any]]) -> bool:
    """Whether an Ingress has a certificate for the host; an entry without hosts is for all of them."""
    wildcard = f"*.{host.partition('.')[2]}"
    return any(not entry.get("hosts") or {host, wildcard} & set(entry["hosts"]) for entry in tls)
