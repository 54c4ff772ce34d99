"""What the API server's refusals are called: by status, reason and words, without a cluster."""

from __future__ import annotations

import pytest

from cryostat_operator.kube.client import Client
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.plan.diff.plan_diff import Change
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.reconcile.applier import Applier, Refusal

QUOTA = 'services "x" is forbidden: exceeded quota: few, requested: count/services=1'


class WrappedError(ApiError):
    """What somebody makes of an error on its way."""


class Refusing:
    """A client whose every write is refused in one way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def create(self, obj: Obj) -> Obj:
        raise self._error


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("kind", "status", "words", "reason", "temporary"),
    [
        ("Service", 403, QUOTA, "QuotaExceeded", False),
        ("Service", 403, "no", "Forbidden", False),
        ("Service", 403, "unable to create: namespace a is being terminated", "NamespaceTerminating", True),
        (
            "PersistentVolumeClaim",
            403,
            "only some can be resized: resize",
            "PersistentVolumeClaimInvalid",
            False,
        ),
        ("Route", 422, "spec.host: Invalid value", "RouteInvalid", False),
        ("Service", 422, "spec.ports: Required value", "Invalid", False),
        ("Service", 409, "the object has been modified", "Conflict", True),
        ("Service", 404, 'namespaces "a" not found', "NamespaceNotFound", True),
        ("Route", 404, "the server could not find the requested resource", "ApiNotServed", False),
        ("Service", 418, "a teapot", "WriteRefused", False),
    ],
)
async def test_refusals(kind: str, status: int, words: str, reason: str, temporary: bool, wrapped: bool) -> None:
    error = (WrappedError if wrapped else ApiError)(status, "Reason", words)
    refusal = (await refused(kind, error))[0]
    assert (refusal.reason, refusal.temporary) == (reason, temporary)
    assert words in refusal.message


async def test_an_api_server_that_does_not_answer_is_no_refusal() -> None:
    [found] = await refused("Service", ApiUnavailable(503, "ServiceUnavailable", "no route to host"))
    assert (found.reason, found.temporary) == ("ApiServerUnavailable", True)


async def refused(kind: str, error: ApiError) -> list[Refusal]:
    key = Key(kind, "a", "x")
    obj = {"kind": kind, "metadata": {"name": "x", "namespace": "a"}}
    client: Client = Refusing(error)  # type: ignore[assignment]
    foreman = Applier(client, OwnedObjects(lambda _: None, lambda _, __: None))
    return list((await foreman.act(InstanceKey("a", "x"), [Change("create", key, obj)])).refused)
