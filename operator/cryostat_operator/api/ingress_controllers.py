"""Annotations that make Ingress controllers call the application by HTTPS; by default they send HTTP and get a 400.

The operator knows some controllers by `spec.controller` of their IngressClass, or by its name. Annotations of the user
take precedence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NO_ANNOTATIONS: Mapping[str, str] = {}


@dataclass(frozen=True)
class IngressController:
    """What one controller needs in order to call its backend by HTTPS.

    Attributes:
        ingress: annotations of the Ingress; `{service}` stands for the name of the Service.
        service: annotations of the Service.
        verified_by: annotation of the Service that says which certificates to trust, where the controller refuses those
            of a private authority otherwise; empty where it accepts any certificate.
        name: how to call it in a message.
    """

    name: str
    ingress: Mapping[str, str] = field(default_factory=dict)
    service: Mapping[str, str] = field(default_factory=dict)
    verified_by: str = ""

    def reads(self, key: str, controller: str) -> bool:
        """Return whether it is certain that the controller reads one of these annotations.

        Two controllers with the same word in their names read different annotations.

        Args:
            key: the annotation.
            controller: `spec.controller` of the IngressClass, empty if it is not known.
        """
        domains = {each.partition("/")[0] for each in (*self.ingress, *self.service)}
        own, domain = key.partition("/")[0], controller.partition("/")[0]
        return domains == {own} or (own in domains and controller != "" and domain not in domains - {own})


# By a word of `spec.controller`, such as `nginx` in `k8s.io/ingress-nginx`, or of the name of the IngressClass.
CONTROLLERS = {
    # Two controllers have this class: that of the Kubernetes project and that of F5.
    "nginx": IngressController(
        "nginx",
        ingress={"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS", "nginx.org/ssl-services": "{service}"},
    ),
    "traefik": IngressController(
        "Traefik",
        service={"traefik.ingress.kubernetes.io/service.serversscheme": "https"},
        verified_by="traefik.ingress.kubernetes.io/service.serverstransport",
    ),
    # Likewise: that of HAProxy Technologies and that of the haproxy-ingress project.
    "haproxy": IngressController(
        "HAProxy",
        ingress={"haproxy.org/server-ssl": "true", "haproxy-ingress.github.io/backend-protocol": "h1-ssl"},
    ),
    "alb": IngressController("AWS Load Balancer", ingress={"alb.ingress.kubernetes.io/backend-protocol": "HTTPS"}),
    # Google's controller reads the protocol of a port of the Service.
    "gce": IngressController("GCE", service={"cloud.google.com/app-protocols": '{"http":"HTTPS"}'}),
}
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
# A user's annotation with one of these words decides about the protocol, whichever controller reads it.
_PROTOCOL_WORDS = re.compile(r"(backend-protocol|secure-backends|server-ssl|ssl-services|serversscheme|app-protocols)$")
_PLAIN_HTTP = frozenset({"http", "h1", "false"})  # values of such annotations


def class_name(ingress_spec: Mapping[str, object], annotations: Mapping[str, str] | None) -> str:
    """Return the name of the IngressClass, or an empty text for the default one of the cluster."""
    named = ingress_spec.get("ingressClassName") or (annotations or {}).get(CLASS_ANNOTATION)
    return str(named or "")


def controller_of(text: str) -> IngressController | None:
    """Return the controller with this `spec.controller` or class name; None if the operator does not know it."""
    words = re.split(r"[^a-z0-9]+", text.lower())
    return next((CONTROLLERS[word] for word in words if word in CONTROLLERS), None)


def names_protocol(*annotations: Mapping[str, str] | None) -> bool:
    """Return whether annotations of the user name the protocol of the backend."""
    return any(_PROTOCOL_WORDS.search(key) for found in annotations for key in found or _NO_ANNOTATIONS)


def plain_http(annotations: Mapping[str, str] | None) -> list[str]:
    """Return the annotations of the user that make a controller call the backend by HTTP, sorted."""
    given = (annotations or _NO_ANNOTATIONS).items()
    return sorted(k for k, value in given if _PROTOCOL_WORDS.search(k) and str(value).strip().lower() in _PLAIN_HTTP)
