"""Admission requests for Cryostats."""

from __future__ import annotations

from typing import Any, cast

from cryostat_operator.api import constants
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks.cryostat_admission import CryostatAdmission
from cryostat_operator.webhooks.reviews import Caller, parse

API_SERVER = Caller("10.0.0.1", is_api_server=True)


def cryostat(spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "n"}, "spec": spec}


class Reader:
    """Returns one snapshot, or raises `error` if it is set."""

    openshift = False
    platform_known = True

    def __init__(self, snapshot: Snapshot, error: Exception | None = None) -> None:
        self._snapshot, self._error = snapshot, error
        self.read: list[str] = []
        self.cryostats = 0
        self.lengths: dict[str, int] = {}

    async def count(self, _namespace: str) -> int:
        return self.cryostats

    def text_lengths(self, _namespace: str) -> dict[str, int]:
        return self.lengths

    def snapshot(self, *_: Any) -> Snapshot:
        if self._error:
            raise self._error
        return self._snapshot

    async def content(self, kind: str, namespace: str, name: str) -> None:
        self.read.append(name)


class Allowing:
    """Allows everything."""

    async def missing(self, *_: Any) -> list[Any]:
        return []


async def validate(
    reader: Reader,
    spec: dict[str, Any] | None = None,
    settings: Settings | None = None,
    old: dict[str, Any] | None = None,
) -> dict[str, Any]:
    settings = settings or Settings(service_tls=False)
    admission = CryostatAdmission(Allowing(), cast(Any, reader), settings, lambda: "")
    obj = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, **cryostat(spec or {})}
    body = {"uid": "1", "operation": "CREATE", "namespace": "n", "name": "a", "userInfo": {}, "object": obj}
    if old is not None:
        body |= {"operation": "UPDATE", "oldObject": {**obj, "spec": old}}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": body}
    return await admission.validate(parse(review, API_SERVER))
