"""What a user who may not read everything sees in a diff."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.observe.api_server import ApiServerEndpoints
from cryostat_operator.observe.permitted_reads import api_server_endpoints, ingress_classes, namespaces
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.snapshot import IngressClasses, NamespaceState
from tests.unit.api_server import ApiServer
from tests.unit.cluster_state import cryostat


class Classes(ApiServer):
    """Answers the list of IngressClasses with a status of its own."""

    status = 200

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        if self.status != 200:
            raise ApiError(self.status, "", path)
        return {"items": [{"metadata": {"name": "web"}, "spec": {"controller": "example.com/c"}}]}


WEB: dict[str, Any] = {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": []}}}}


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        (WEB, 200, IngressClasses({"web": "example.com/c"})),
        (WEB, 403, None),
        ({}, 500, None),
    ],
)
async def test_ingress_classes_are_read_for_an_ingress(
    spec: dict[str, Any], status: int, expected: IngressClasses | None
) -> None:
    server = Classes()
    server.status = status
    forbidden: dict[str, str] = {}
    assert await ingress_classes(server, cryostat(spec), forbidden) == expected
    assumed = {"IngressClasses": "it is assumed that the IngressClass of the Cryostat exists"}
    assert forbidden == (assumed if status == 403 else {})


class Refusing(ApiServer):
    """Refuses all requests with `status`."""

    status = 403

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        raise ApiError(self.status, "", path)


async def test_addresses_of_the_api_server_and_namespaces_need_no_permission() -> None:
    forbidden: dict[str, str] = {}
    server = Refusing()
    assert (await api_server_endpoints(server, forbidden)).addresses == ()
    assert await namespaces(server, ["team"], forbidden) == {"team": NamespaceState()}
    assert forbidden == {
        "endpointslices in namespace default": "the rules of NetworkPolicies for the API server are not compared, and "
        "for a new Cryostat it is assumed that the API server has no IPv6 address",
        "namespace team": "it is assumed that it exists",
    }


async def test_another_failure_is_raised() -> None:
    server = Refusing()
    server.status = 500
    with pytest.raises(ApiError, match=ApiServerEndpoints.SOURCE.path):
        await api_server_endpoints(server, {})
    with pytest.raises(ApiError, match="namespaces/team"):
        await namespaces(server, ["team"], {})


async def test_a_failure_to_read_ingress_classes_is_raised() -> None:
    server = Classes()
    server.status = 500
    with pytest.raises(ApiError):
        await ingress_classes(server, cryostat(WEB), {})
