"""The dry run of a Deployment that shows whether the API server calls the webhooks."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.injection.propagation import propagate
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.webhooks.reachability_probe import ReachabilityProbe
from tests.unit.api_server import ApiServer

CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/x-mutating"


class Server(ApiServer):
    """Answers the dry run, after the webhook if it is reached."""

    def __init__(self, *, reached: bool, error: ApiError | None = None) -> None:
        super().__init__()
        self.reached, self.error = reached, error
        self.sent: list[tuple[str, Any]] = []

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        if method != "POST":
            return await super().request(method, path, **more)
        self.sent.append((path, more["params"]))
        if self.error:
            raise self.error
        deployment: Obj = copy.deepcopy(more["body"])
        return propagate(deployment, None)[0] if self.reached else deployment


def server(*, reached: bool, error: ApiError | None = None, selector: Obj | None = None) -> Server:
    found = Server(reached=reached, error=error)
    found.put(CONFIGURATION, {"webhooks": [{"name": "a", "namespaceSelector": selector or {}}]})
    return found


async def test_the_answer_shows_whether_the_webhook_was_called() -> None:
    for reached in (True, False):
        cluster = server(reached=reached)
        assert await ReachabilityProbe(cluster, "ops", "x-mutating").is_reachable() is reached
        assert cluster.sent == [("/apis/apps/v1/namespaces/ops/deployments", {"dryRun": "All"})]


@pytest.mark.parametrize(
    "cluster",
    [
        server(reached=False, error=ApiError(403, "Forbidden", "a policy")),
        server(reached=False, error=ApiError(500, "InternalError", "another webhook")),
        server(reached=False, selector={"matchLabels": {"a": "b"}}),
        Server(reached=False),
    ],
    ids=["policy", "other webhook", "excluded namespace", "not registered"],
)
async def test_other_answers_allow_no_conclusion(cluster: Server) -> None:
    assert await ReachabilityProbe(cluster, "ops", "x-mutating").is_reachable() is None
