"""The Route of the application, and what routers report about it."""

from __future__ import annotations

from collections.abc import Iterator

from .. import builders
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from ..model.messages import message, quoted
from ..model.problems import Problem
from ..model.reasons import Reason
from .exposure_options import NAME, has_route, labels, network_config


def route(instance: Instance) -> Obj:
    """Return the Route. Without a host in the spec it keeps the live one, because an empty host requests a new one."""
    live = instance.live("Route", instance.name)
    host = network_config(instance).external_host or (live["spec"].get("host") if live else None)
    tls: Obj = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    if instance.tls:
        tls |= {"termination": "reencrypt", "destinationCACertificate": instance.snapshot.ca_certificate}
    return builders.annotate(
        builders.owned(instance, "Route", instance.name, labels(instance)), network_config(instance).annotations
    ) | {
        "spec": {
            **({"host": host} if host else {}),
            "to": {"kind": "Service", "name": instance.name},
            "port": {"targetPort": names.PORT_AUTH_PROXY},
            "tls": tls,
        }
    }


_OTHER_HOST = (
    "Set spec.networkOptions.coreConfig.externalHost to another host, or remove the object that the router names"
)
# Reason of the router → what to do, if another host would not help. This one is about the certificates in the Route,
# which the operator takes from Secrets of the instance.
_NOT_ABOUT_THE_HOST = {
    "ExtendedValidationFailed": "Correct what the router names, or ask an administrator of the router"
}


def problem(instance: Instance) -> Problem | None:
    """Return why the Route has no address yet, with the message of the router if there is one; None if it has one."""
    if not has_route(instance) or url(instance):
        return None
    rejected = [c for c in _admissions(instance) if c.get("status") == "False"]
    if not rejected:
        text = f"Route {instance.name} has not been admitted by a router yet."
        return Problem(NAME, Reason.ROUTE_NOT_ADMITTED, text)
    parts = [quoted(rejected[0].get(each)) for each in ("reason", "message")]
    text = message(
        f"Route {instance.name}",
        "was rejected by a router",
        cause=": ".join(filter(None, parts)),
        remedy=_NOT_ABOUT_THE_HOST.get(rejected[0].get("reason") or "", _OTHER_HOST),
    )
    return Problem(NAME, Reason.ROUTE_REJECTED, text)


def _ingresses(instance: Instance) -> list[Obj]:
    """Entries of routers for the desired host."""
    live = instance.live("Route", instance.name)
    entries = ((live or {}).get("status") or {}).get("ingress") or []
    host = network_config(instance).external_host or ((live or {}).get("spec") or {}).get("host")
    return [entry for entry in entries if entry.get("host") and host in (None, "", entry["host"])]


def _admissions(instance: Instance) -> Iterator[Obj]:
    for entry in _ingresses(instance):
        yield from (c for c in entry.get("conditions") or [] if c.get("type") == "Admitted")


def url(instance: Instance) -> str | None:
    """Return the address of the Route; None until a router has admitted it."""
    for entry in _ingresses(instance):
        if any(c.get("type") == "Admitted" and c.get("status") == "True" for c in entry.get("conditions") or []):
            return f"https://{entry['host']}"
    return None
