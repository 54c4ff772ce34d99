"""The Ingress of an instance, its class, and its address."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from ...api.constants import ANNOTATION_INGRESS_CLASS
from ...api.ingress_controllers import IngressController, class_name, controller_of
from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from ..model.messages import message
from ..model.problems import Problem
from ..model.reasons import Reason
from .exposure_options import NAME, has_ingress, labels, network_config

SERVICE_PORT = "http"  # name of the port of the application's Service
# Characters of regular expressions; they are not part of an address.
_PATTERN = frozenset("()|*^$[")


def ingress(instance: Instance) -> Obj:
    """Return the Ingress, with annotations that its controller needs for HTTPS. Those of the user take precedence.

    Another annotation records the class in the spec, so that it is removed with the spec's.
    """
    config, controller = network_config(instance), https_controller(instance)
    # The API server drops empty lists.
    spec = {key: value for key, value in (config.ingress_spec or {}).items() if value != []}
    defaults = controller.ingress if controller else {}
    annotations = {key: value.format(service=instance.name) for key, value in defaults.items()}
    head = builders.owned(instance, "Ingress", instance.name, labels(instance))
    named = spec.get("ingressClassName")
    record = {ANNOTATION_INGRESS_CLASS: named} if named else {}
    return builders.annotate(head, {**annotations, **(config.annotations or {}), **record}) | {"spec": spec}


def https_controller(instance: Instance) -> IngressController | None:
    """Return the controller that must call the application by HTTPS; None if the operator does not know it."""
    if not (has_ingress(instance) and instance.tls):
        return None
    return ingress_class(instance).known


class IngressClass(NamedTuple):
    """The class of an Ingress, as far as it is known.

    Attributes:
        name: its name, empty if it is not known.
        controller: its `spec.controller`, empty if it is not known.
        missing: whether the cluster has no such class; False if this is not known.
    """

    name: str
    controller: str
    missing: bool

    @property
    def known(self) -> IngressController | None:
        """The controller, by `spec.controller`, or by the name of the class if that is not known."""
        return controller_of(self.controller or self.name)

    def __str__(self) -> str:
        return f"IngressClass {self.name}" if self.name else "the default IngressClass"


def ingress_class(instance: Instance) -> IngressClass:
    """Return the class of the Ingress: that of the spec, else that of the existing Ingress, else the default."""
    config, classes = network_config(instance), instance.snapshot.ingress_classes
    spec = config.ingress_spec or {}
    named = class_name(spec, config.annotations)
    live = instance.live("Ingress", instance.name) or {}
    name = named or class_name(live.get("spec") or {}, None) or (classes.default if classes else "")
    controller = classes.controllers.get(name, "") if classes else ""
    # The annotation may name a class of a controller without an object IngressClass.
    is_missing = classes is not None and name not in classes.controllers and (name == "" or "ingressClassName" in spec)
    return IngressClass(name, controller, missing=is_missing)


def tls_secrets(instance: Instance) -> list[str]:
    """Return the Secrets with the certificates of the Ingress, which its controller reads."""
    spec = network_config(instance).ingress_spec if has_ingress(instance) else None
    return [entry["secretName"] for entry in (spec or {}).get("tls") or () if entry.get("secretName")]


def service_port(instance: Instance) -> int:
    """Return the port of the application's Service."""
    config = instance.spec.service_options.core_config if instance.spec.service_options else None
    return workloads.service_port(config, names.PORT_AUTH_PROXY)


def wrong_port(instance: Instance) -> Problem | None:
    """Return the problem of the first backend of the Ingress with a port that the application's Service lacks."""
    if not has_ingress(instance):
        return None
    number = service_port(instance)
    for service in _backends(instance):
        port = service.get("port") or {}
        given = port.get("number") or port.get("name")
        if service.get("name") == instance.name and given not in (None, number, SERVICE_PORT):
            text = message(
                f"Ingress {instance.name}",
                f"leads to port {given} of Service {instance.name}",
                cause=f"the Service has only port {number}, named {SERVICE_PORT}",
                remedy="Correct the port in spec.networkOptions.coreConfig.ingressSpec",
            )
            return Problem(NAME, Reason.INGRESS_PORT_UNKNOWN, text)
    return None


def _backends(instance: Instance) -> list[Obj]:
    """Return the Services of all backends of the Ingress: name and port of each."""
    spec = (network_config(instance).ingress_spec if has_ingress(instance) else None) or {}
    paths = [path for rule in spec.get("rules") or [] for path in (rule.get("http") or {}).get("paths") or []]
    backends = [spec.get("defaultBackend"), *(path.get("backend") for path in paths)]
    return [(backend or {}).get("service") or {} for backend in backends]


def backend_services(instance: Instance) -> set[str]:
    """Return the names of the Services that the Ingress leads to."""
    return {str(service["name"]) for service in _backends(instance) if service.get("name")}


def live_hosts(instance: Instance) -> set[str]:
    """Return the hosts of the Ingress that exists."""
    live = instance.live("Ingress", instance.name) or {}
    return {rule.get("host") or "" for rule in (live.get("spec") or {}).get("rules") or ()}


def unreported(instance: Instance, url: str) -> str:
    """Return what to check if no controller has reported an address of the Ingress; empty if one has.

    Some controllers never report one, so that the application may be served all the same.
    """
    live = instance.live("Ingress", instance.name) if has_ingress(instance) else None
    if live is None or ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return ""
    found = ingress_class(instance)
    if found.missing:
        return message(
            f"Ingress {instance.name}",
            "has no address",
            cause=_absent_class(found),
            remedy="Correct ingressClassName in spec.networkOptions.coreConfig.ingressSpec, or create the IngressClass",
        )
    return message(
        f"Ingress {instance.name}",
        "has no address",
        cause="no controller has reported one",
        remedy=f"If {url} does not answer, check that {_provider(found)} exists and that its controller runs",
    )


def _absent_class(found: IngressClass) -> str:
    return f"{found} does not exist" if found.name else "the cluster has no default IngressClass"


def _provider(found: IngressClass) -> str:
    return str(found) if found.name else "a default IngressClass"


def missing_address(instance: Instance) -> str:
    """Return a sentence about an Ingress without an address that follows another problem of this Ingress."""
    found = ingress_class(instance)
    if found.missing:
        return f"The Ingress also has no address, because {_absent_class(found)}"
    return f"The Ingress also has no address: check that {_provider(found)} exists and that its controller runs"


def url(instance: Instance) -> str | None:
    """Return the address of the first usable rule; None if no rule has a host without a wildcard."""
    found = _host_and_path(instance)
    if found is None:
        return None
    name, path = found
    tls = (network_config(instance).ingress_spec or {}).get("tls") or []
    return f"{'https' if _has_certificate(name, tls) else 'http'}://{name}{path.rstrip('/')}"


def host(instance: Instance) -> str:
    """Return the host in `url`, which need not be a valid one; empty without an address."""
    found = _host_and_path(instance)
    return found[0] if found else ""


def _host_and_path(instance: Instance) -> tuple[str, str] | None:
    spec = network_config(instance).ingress_spec or {}
    usable = [rule for rule in spec.get("rules") or [] if rule.get("host") and not rule["host"].startswith("*")]
    to_application = [(rule["host"], path) for rule in usable for path in _paths(instance, rule)]
    # A rule with another backend still names a host of the Ingress.
    candidates = to_application or [(rule["host"], "") for rule in usable]
    return candidates[0] if candidates else None


def path_below_root(instance: Instance) -> str:
    """Return the path if the Ingress leads to the application only below a path; empty otherwise.

    It is empty, for example, if a rule without a path, or with the path `/`, leads there, too.
    """
    spec = network_config(instance).ingress_spec or {}
    if _leads_to(instance, spec.get("defaultBackend")):
        return ""
    texts = (text for rule in spec.get("rules") or [] for text in _paths_to_application(instance, rule))
    found = ["".join(takewhile(lambda character: character not in _PATTERN, text)).rstrip("/") for text in texts]
    return found[0] if found and all(found) else ""


def _paths(instance: Instance, rule: Obj) -> Iterator[str]:
    """Paths of a rule that lead to the application and can be part of an address."""
    for text in _paths_to_application(instance, rule):
        # Paths of type ImplementationSpecific are often patterns.
        yield "" if set(text) & _PATTERN else text


def _paths_to_application(instance: Instance, rule: Obj) -> Iterator[str]:
    for path in (rule.get("http") or {}).get("paths") or []:
        if _leads_to(instance, path.get("backend")):
            yield path.get("path") or ""


def _leads_to(instance: Instance, backend: Obj | None) -> bool:
    """Whether a backend is the Service of the application."""
    return ((backend or {}).get("service") or {}).get("name") == instance.name


def _has_certificate(host: str, tls: list[dict[str, Any]]) -> bool:
    """Whether an Ingress has a certificate for the host; an entry without hosts is for all of them."""
    wildcard = f"*.{host.partition('.')[2]}"
    return any(not entry.get("hosts") or {host, wildcard} & set(entry["hosts"]) for entry in tls)
