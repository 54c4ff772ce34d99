"""Admission requests for pods that ask for the agent, and a cluster with one Cryostat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.snapshot import ContentSummary, Snapshot
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks.reviews import AdmissionRequest

CRYOSTAT = {
    "apiVersion": "operator.cryostat.io/v1beta2",
    "kind": "Cryostat",
    "metadata": {"name": "sample", "namespace": "n", "uid": "1"},
    "spec": {"enableCertManager": False},
}


class Reader:
    """A cluster with one Cryostat."""

    openshift = False
    platform_known = True
    fips_error: ApiError | None = None
    summary: ContentSummary | None = None

    def __init__(self) -> None:
        self.read: list[tuple[str, str]] = []
        self.events: list[str] = []
        self.error: Exception | None = None
        self.known: Snapshot | None = None
        self.stored: dict[str, Any] = CRYOSTAT
        self.triggers = ""

    def snapshot(self, cryostat: Cryostat, settings: Settings) -> Snapshot | None:
        return self.known

    async def count(self, namespace: str) -> int:
        return 1

    def text_lengths(self, namespace: str) -> dict[str, int]:
        return {}

    async def cryostat(self, namespace: str, name: str) -> dict[str, Any] | None:
        if self.error:
            raise self.error
        return self.stored if (namespace, name) == ("n", "sample") else None

    async def content(self, kind: str, namespace: str, name: str) -> ContentSummary | None:
        self.read.append((kind, name))
        return self.summary

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str]:
        self.read.append(("ConfigMap", name))
        return {"file": self.triggers}

    async def fips(self) -> bool:
        if self.fips_error:
            raise self.fips_error
        return False

    async def record_event(self, cryostat: dict[str, Any], reason: str, message: str) -> None:
        self.events.append(message)


def request(
    container: dict[str, Any] | None = None, name: str = "sample", label: str | None = None
) -> AdmissionRequest:
    given = {"cryostat.io/name": name, "cryostat.io/namespace": "n"}
    if label:
        given["cryostat.io/container"] = label
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p", "labels": given},
        "spec": {"containers": [{"name": "app", "image": "a", **(container or {})}]},
    }
    return AdmissionRequest("1", "CREATE", "n", "p", False, {}, pod, {}, False)
