"""Discovery of optional kinds, also while the cluster changes."""

from __future__ import annotations

import pytest

from cryostat_operator.kube.discovery import Discovery
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model.kinds import KINDS, Obj
from tests.unit.api_server import ApiServer

REQUIRED = frozenset(name for name, kind in KINDS.items() if not kind.optional)
ROUTES, CERT_MANAGER = "/apis/route.openshift.io/v1", "/apis/cert-manager.io/v1"


class Apis(ApiServer):
    """Serves the resources of some API groups."""

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, tuple[str, ...]] = {}
        self.error: dict[str, ApiError] = {}

    async def request(self, method: str, path: str, **_: object) -> Obj:
        if path in self.error:
            raise self.error[path]
        if path not in self.served:
            raise ApiError(404, "NotFound", path)
        return {"resources": [{"name": name} for name in self.served[path]]}


class Changes:
    """Records what `Discovery` reports."""

    def __init__(self) -> None:
        self.found: list[tuple[set[str], set[str]]] = []

    async def __call__(self, added: frozenset[str], removed: frozenset[str]) -> None:
        self.found.append((set(added - REQUIRED), set(removed)))


@pytest.fixture
def apis() -> Apis:
    return Apis()


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def discovery(apis: Apis, changes: Changes) -> Discovery:
    return Discovery(apis, changes)


async def test_required_kinds_are_always_served(discovery: Discovery) -> None:
    await discovery.discover()
    assert discovery.served == REQUIRED


async def test_changes_are_reported_once(apis: Apis, changes: Changes, discovery: Discovery) -> None:
    await discovery.discover()
    apis.served[CERT_MANAGER] = ("issuers", "certificates", "orders")
    await discovery.discover()
    await discovery.discover()
    del apis.served[CERT_MANAGER]
    await discovery.discover()
    cert_manager = {"Issuer", "Certificate"}
    assert changes.found == [(set(), set()), (cert_manager, set()), (set(), cert_manager)]


async def test_a_group_without_the_resource_does_not_serve_the_kind(apis: Apis, discovery: Discovery) -> None:
    apis.served[CERT_MANAGER] = ("issuers",)
    await discovery.discover()
    assert discovery.served == REQUIRED | {"Issuer"}


async def test_an_aggregated_api_that_is_unavailable_keeps_its_kinds(apis: Apis, discovery: Discovery) -> None:
    apis.error[ROUTES] = ApiUnavailable(503, "ServiceUnavailable", "")
    with pytest.raises(ApiUnavailable):  # no state is known at first
        await discovery.discover()
    assert discovery.served == frozenset()
    del apis.error[ROUTES]
    apis.served[ROUTES] = ("routes",)
    await discovery.discover()
    apis.error[ROUTES] = ApiUnavailable(503, "ServiceUnavailable", "")
    await discovery.discover()
    assert "Route" in discovery.served


async def test_other_errors_change_nothing(apis: Apis, discovery: Discovery) -> None:
    apis.served[ROUTES] = ("routes",)
    await discovery.discover()
    before = discovery.served
    apis.error[ROUTES] = ApiError(403, "Forbidden", "")
    with pytest.raises(ApiError):
        await discovery.discover()
    assert discovery.served == before


def definition(name: str) -> Obj:
    return {"metadata": {"name": name}}


async def test_a_new_definition_requests_a_discovery(discovery: Discovery) -> None:
    await discovery.discover()
    definitions, requested = discovery.definitions(), discovery._requested
    definitions.begin_list()
    definitions.upsert(definition("widgets.example.com"))
    definitions.end_list()
    assert not requested.is_set()
    definitions.upsert(definition("widgets.example.org"))
    assert not requested.is_set()
    definitions.upsert(definition("issuers.cert-manager.io"))
    assert requested.is_set()
    requested.clear()
    definitions.upsert(definition("issuers.cert-manager.io"))
    assert not requested.is_set()
    definitions.remove(definition("issuers.cert-manager.io"))
    assert requested.is_set()


async def test_the_first_list_may_have_more_than_the_first_discovery(apis: Apis, discovery: Discovery) -> None:
    await discovery.discover()
    definitions = discovery.definitions()
    definitions.begin_list()
    definitions.upsert(definition("issuers.cert-manager.io"))
    definitions.end_list()
    assert discovery._requested.is_set()
    apis.served[CERT_MANAGER] = ("issuers",)
    other = Discovery(apis, Changes())
    await other.discover()
    known = other.definitions()
    known.begin_list()
    known.upsert(definition("issuers.cert-manager.io"))
    known.end_list()
    assert not other._requested.is_set()
    known.begin_list()  # a list after an interruption lacks it
    known.end_list()
    assert other._requested.is_set()
