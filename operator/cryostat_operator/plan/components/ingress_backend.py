"""Whether requests that reach the Ingress of an instance can reach the application.

The operator does not send such requests: settings of the Ingress and of its class decide.
"""

from __future__ import annotations

from ...api.ingress_controllers import names_protocol, plain_http
from ..instance import Instance
from ..model import names
from ..model.messages import message
from ..model.problems import Problem
from ..model.reasons import Reason
from .exposure_options import NAME, has_ingress, network_config
from .ingress import IngressClass, backend_services, ingress_class, path_below_root


def problem(instance: Instance) -> Problem | None:
    """Return why requests do not reach the application; None if no reason is known.

    The reason is `BackendUnreachable` if it is certain, otherwise `BackendNotVerified`: another Service may forward
    requests to the application, a proxy may change its pages, and the configuration of a controller is not known.
    """
    services = sorted(backend_services(instance))
    if services and instance.name not in services:
        several = len(services) > 1
        text = message(
            f"Ingress {instance.name}",
            f"does not lead to Service {instance.name}",
            cause=f"its backend{'s are Services' if several else ' is Service'} {' and '.join(services)}",
            remedy="Correct the backend in spec.networkOptions.coreConfig.ingressSpec, unless "
            f"{'one of these Services' if several else 'that Service'} forwards requests to Service {instance.name}",
        )
        return Problem(NAME, Reason.BACKEND_NOT_VERIFIED, text)
    if not has_ingress(instance):
        return None
    if path := path_below_root(instance):
        text = message(
            f"Ingress {instance.name}",
            f"leads to the application only below {path}",
            cause="its pages refer to other paths of the host, such as /api",
            remedy="Use a host of its own and the path / in spec.networkOptions.coreConfig.ingressSpec",
        )
        return Problem("exposure", Reason.BACKEND_NOT_VERIFIED, text)
    if not instance.tls:
        return None
    found = ingress_class(instance)
    return _plain_http(instance, found) or _unverified(instance, found)


def _plain_http(instance: Instance, found: IngressClass) -> Problem | None:
    """An annotation of the user that selects HTTP, while the Service accepts only HTTPS."""
    controller = found.known
    ours = (controller.ingress, controller.service) if controller else ({}, {})
    fields = (("networkOptions", _ingress_annotations(instance)), ("serviceOptions", _service_annotations(instance)))
    # Another controller may not read the annotation.
    selecting = [
        (controller is not None and key in read and controller.reads(key, found.controller), field, key)
        for (field, given), read in zip(fields, ours, strict=True)
        for key in plain_http(given)
    ]
    if not selecting:
        return None
    is_certain, field, key = next((each for each in selecting if each[0]), selecting[0])
    text = message(
        f"Ingress {instance.name}",
        f"{'cannot' if is_certain else 'may be unable to'} reach Service {instance.name}",
        cause=f"annotation {key} in spec.{field}.coreConfig.annotations selects HTTP, and the Service accepts only "
        "HTTPS",
        remedy="Remove the annotation, or select HTTPS",
    )
    return Problem(NAME, Reason.BACKEND_UNREACHABLE if is_certain else Reason.BACKEND_NOT_VERIFIED, text)


def _unverified(instance: Instance, found: IngressClass) -> Problem | None:
    """A controller that refuses certificates of a private authority, unless its own configuration trusts it."""
    controller = found.known
    if not (controller and controller.verified_by) or controller.verified_by in _service_annotations(instance):
        return None
    secret = names.ca_secret(instance.namespace, instance.name)
    text = message(
        f"Ingress {instance.name}",
        f"may be unable to reach Service {instance.name}",
        cause=f"{controller.name} refuses the certificate of the Service, unless its own configuration trusts it",
        remedy=f"Set annotation {controller.verified_by} in spec.serviceOptions.coreConfig.annotations to a transport "
        f"that trusts ca.crt of Secret {secret}",
    )
    return Problem(NAME, Reason.BACKEND_NOT_VERIFIED, text)


def unknown_controller(instance: Instance) -> str:
    """Return what a controller that the operator does not know must do; empty if it knows it."""
    if not (has_ingress(instance) and instance.tls):
        return ""
    found = ingress_class(instance)
    if found.known or names_protocol(_ingress_annotations(instance), _service_annotations(instance)):
        return ""
    named = f"{found.controller} " if found.controller else ""
    return (
        f"The operator does not know the controller {named}of {found}: in spec.networkOptions.coreConfig.annotations, "
        f"set the annotation with which that controller calls Service {instance.name} by HTTPS"
    )


def _ingress_annotations(instance: Instance) -> dict[str, str]:
    return network_config(instance).annotations or {}


def _service_annotations(instance: Instance) -> dict[str, str]:
    config = instance.spec.service_options.core_config if instance.spec.service_options else None
    return (config.annotations if config else None) or {}
