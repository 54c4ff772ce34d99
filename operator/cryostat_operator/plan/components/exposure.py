"""How users reach the application: Service, Route or Ingress, its address, and the link in the OpenShift console."""

from __future__ import annotations

from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj
from ..model.messages import message
from ..model.problems import Problem
from ..model.reasons import Reason
from . import ingress, route
from .exposure_options import NAME as NAME
from .exposure_options import has_ingress, has_route, network_config
from .ingress import https_controller


def build(instance: Instance) -> ComponentPlan:
    """Return the objects that expose the application.

    The console's link stays while the Route waits to be admitted again.
    """
    objects, blocked = [service(instance)], []
    problem = route.problem(instance)
    if has_route(instance):
        if instance.tls and not instance.snapshot.ca_certificate:
            text = message(
                f"Route {instance.name}", "does not exist yet", cause="the certificate authority has no certificate"
            )
            held = Problem(NAME, Reason.CERTIFICATE_PENDING, text, actionable=False)
            blocked.append(Blocked(Key("Route", instance.namespace, instance.name), held))
        else:
            objects.append(route.route(instance))
    if has_ingress(instance):
        objects.append(ingress.ingress(instance))
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
        problems=tuple(each for each in (problem, ingress.wrong_port(instance)) if each),
        warnings=_warnings(instance),
    )


def _warnings(instance: Instance) -> tuple[Problem, ...]:
    """Settings that have no effect on this platform."""
    config = network_config(instance)
    found = []
    if config.external_host and not has_route(instance):
        found.append(
            _ignored(Reason.EXTERNAL_HOST_IGNORED, "externalHost", "the cluster does not serve Routes", "ingressSpec")
        )
    if config.ingress_spec and has_route(instance):
        cause = "a Route exposes the application on OpenShift"
        found.append(_ignored(Reason.INGRESS_SPEC_IGNORED, "ingressSpec", cause, "externalHost"))
    return tuple(found)


def _ignored(reason: Reason, field: str, cause: str, other: str) -> Problem:
    path = "spec.networkOptions.coreConfig"
    text = message(f"{path}.{field}", "has no effect", cause=cause, remedy=f"Use {path}.{other} instead")
    return Problem(NAME, reason, text)


def service(instance: Instance) -> Obj:
    """Return the Service of the application, which leads to the authentication proxy."""
    config = instance.spec.service_options.core_config if instance.spec.service_options else None
    controller = https_controller(instance)
    annotations = {**(controller.service if controller else {}), **((config.annotations if config else None) or {})}
    port = {
        "name": ingress.SERVICE_PORT,
        "port": ingress.service_port(instance),
        "targetPort": names.PORT_AUTH_PROXY,
        "appProtocol": instance.scheme,
    }
    return builders.annotate(workloads.service(instance, instance.name, workloads.CORE, config, port), annotations)


def console_link(instance: Instance, url: str) -> Obj:
    """Return the link to an instance in the OpenShift console, on the dashboard of its namespace."""
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


def application_url(instance: Instance) -> str | None:
    """Return the address of the application: of the admitted Route, or of the first usable rule of the Ingress."""
    if has_route(instance):
        return route.url(instance)
    return ingress.url(instance) if has_ingress(instance) else None


def served_url(instance: Instance) -> str | None:
    """Return the address of the application, unless the Ingress with this host does not exist.

    The Ingress may have been refused, while one with other hosts exists.
    """
    url = application_url(instance)
    if url and not has_route(instance) and ingress.host(instance) not in ingress.live_hosts(instance):
        return None
    return url


def missing_address(instance: Instance) -> str:
    """Return why the application has no address, although the spec requests one; empty if there is another cause.

    A Route without an address is a problem of its own.
    """
    if has_ingress(instance) and application_url(instance):
        cause = f"Ingress {instance.name} with the host of the spec does not exist"
        return message("The application", "has no address", cause=cause, remedy="See Reconciled for the cause")
    live = instance.live("Service", instance.name) or {}
    is_load_balancer = (live.get("spec") or {}).get("type") == "LoadBalancer"
    if not is_load_balancer or ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return ""
    return message(
        f"Service {instance.name}",
        "has no address",
        cause="no load balancer has been assigned to it",
        remedy="If this lasts, check that the cluster provides load balancers (kubectl describe service "
        f"-n {instance.namespace} {instance.name}), or set another serviceType in spec.serviceOptions.coreConfig",
    )


def is_plain_http(instance: Instance) -> bool:
    """Return whether browsers reach the application by plain HTTP, as far as the Cryostat shows."""
    url = application_url(instance)
    if url:
        return url.startswith("http://")
    # A node port or a load balancer connects browsers directly to the proxy.
    opened = service(instance)["spec"]["type"] != "ClusterIP"
    return opened and not instance.tls and not has_route(instance)
