"""Instances with an Ingress or Route, and parts of their rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.snapshot import IngressClasses
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState, cryostat


def path_to(service: str, path: str = "/") -> dict[str, Any]:
    return {"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"name": "http"}}}}


def rule(host: str, *paths: dict[str, Any]) -> dict[str, Any]:
    return {"host": host, "http": {"paths": list(paths)}} if paths else {"host": host}


def instance(
    spec: dict[str, Any],
    *,
    tls: bool = False,
    openshift: bool = False,
    more: dict[str, Any] | None = None,
    **config: Any,
) -> Instance:
    """An instance with this `ingressSpec`. `config` are further fields beside it, `more` further ones of the spec."""
    options = {"networkOptions": {"coreConfig": {"ingressSpec": spec, **config}}, **(more or {})}
    return ClusterState(cryostat(options), openshift=openshift, settings=Settings(service_tls=tls)).instance


def with_classes(spec: dict[str, Any], controllers: dict[str, str], default: str = "", **more: Any) -> Instance:
    found = instance(spec, tls=True, **more)
    return replace(found, snapshot=replace(found.snapshot, ingress_classes=IngressClasses(controllers, default)))


def with_host(host: str) -> dict[str, Any]:
    return {"networkOptions": {"coreConfig": {"externalHost": host}}}
