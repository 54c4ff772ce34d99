"""Many reviews of authors, and Cryostats with many namespaces, on a real API server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.api import Api, ApiError, eventually
from tests.cluster.test_webhooks_cryostats import away as away
from tests.cluster.test_webhooks_cryostats import cryostat, refused, reviewed
from tests.cluster.test_webhooks_cryostats import dev as dev
from tests.cluster.test_webhooks_cryostats import home as home
from tests.cluster.webhooks import CRYOSTATS, WebhookPlane


@pytest.fixture
def wide(webhooks: WebhookPlane, home: str) -> Api:
    """A user with all permissions on Cryostats, in all namespaces."""
    group, metadata = "rbac.authorization.k8s.io", {"name": f"all-{home}"}
    head = {"apiVersion": f"{group}/v1", "metadata": metadata}
    webhooks.api.apply({**head, "kind": "ClusterRole", "rules": [CRYOSTATS]})
    user = {"apiGroup": group, "kind": "User", "name": f"wide-{home}"}
    role = {"apiGroup": group, "kind": "ClusterRole", "name": f"all-{home}"}
    webhooks.api.apply({**head, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [user]})
    found = webhooks.api.impersonating(f"wide-{home}")
    eventually(lambda: found.create(cryostat(home), dryRun="All"), 10)
    return found


def test_two_hundred_namespaces_in_time(wide: Api, home: str) -> None:
    """The API server gives up after ten seconds."""
    wide.create(cryostat(home, {"targetNamespaces": [f"nowhere-{n}" for n in range(200)]}), dryRun="All")


def test_many_namespaces_are_reviewed_while_others_are_answered(wide: Api, dev: Api, home: str) -> None:
    many = {"targetNamespaces": [f"nowhere-{n}" for n in range(1_000)]}
    with ThreadPoolExecutor(2) as pool:
        flood = pool.submit(lambda: reviewed(wide, cryostat(home, many)))
        dev.create(cryostat(home, {"targetNamespaces": [home]}), dryRun="All")
        assert flood.result() in ("allowed", "refused in time")
    too_many = {"targetNamespaces": [f"nowhere-{n}" for n in range(20_000)]}
    assert "at most 1000 items" in refused(lambda: wide.create(cryostat(home, too_many), dryRun="All"), 422)
    dev.create(cryostat(home, {"authorizationOptions": {"openShiftSSO": {"disable": True}}}), dryRun="All")


def test_many_writers_at_a_time(webhooks: WebhookPlane, dev: Api, home: str, away: str) -> None:
    def write(number: int) -> int:
        spec = {"targetNamespaces": [home, away] if number % 2 else [home]}
        try:
            dev.create(cryostat(home, spec), dryRun="All")
        except ApiError as error:
            return error.code
        return 201

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(write, range(200)))
    assert answers == [201, 403] * 100
