"""The application is stopped for a restore, and its former state is restored afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.backup.instance_access import InstanceAccess
from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.stopped_application import StoppedApplication
from cryostat_operator.kube.errors import ApiError
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import CRYOSTAT, NAME, NAMESPACE, operate, serve_instance, serve_pod

PAUSE = constants.ANNOTATION_PAUSE
MARK = constants.ANNOTATION_PAUSED_BY
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"


class Instance:
    def __init__(self, annotations: dict[str, str], replicas: int = 1, *, has_operator: bool = True) -> None:
        self.server = ApiServer()
        self.lines: list[str] = []
        serve_instance(self.server, cryostat={"metadata": {"annotations": {"kept": "yes", **annotations}}, "spec": {}})
        serve_pod(self.server, NAMESPACE, "cryostat")
        deployment = self.server.find(DEPLOYMENT)
        assert deployment
        self.server.put(DEPLOYMENT, {**deployment, "spec": {**deployment["spec"], "replicas": replicas}})
        if has_operator:
            self.server.hook = lambda *_: operate(self.server)
        streams: Any = None
        access = InstanceAccess(self.server, streams, NAMESPACE, NAME)
        self.application = StoppedApplication(access, self.until, self.lines.append)

    async def until(self, what: str, check: Callable[[], Awaitable[bool]]) -> None:
        if not await check():
            raise BackupError(what)

    @property
    def annotations(self) -> dict[str, str]:
        found = self.server.find(CRYOSTAT.format(NAMESPACE))
        assert found
        return dict(found["metadata"]["annotations"])

    @property
    def replicas(self) -> int:
        operate(self.server)
        found = self.server.find(DEPLOYMENT)
        assert found
        return int(found["spec"]["replicas"])


async def test_the_reconciliation_is_paused_during_a_restore() -> None:
    instance = Instance({})
    await instance.application.stop()
    assert instance.annotations == {"kept": "yes", PAUSE: "true", MARK: "restore"}
    assert instance.replicas == 0
    await instance.application.start("x")
    assert (instance.annotations, instance.replicas) == ({"kept": "yes"}, 1)
    assert instance.lines == ["Stopped the application.", "Started the application."]


async def test_the_pause_of_a_former_restore_is_removed() -> None:
    instance = Instance({PAUSE: "true", MARK: "restore"}, replicas=0)
    await instance.application.stop()
    await instance.application.start("x")
    assert (instance.annotations, instance.replicas) == ({"kept": "yes"}, 1)


@pytest.mark.parametrize("replicas", [0, 2])
async def test_the_pause_of_a_user_is_kept(replicas: int) -> None:
    instance = Instance({PAUSE: "true"}, replicas)
    await instance.application.stop()
    assert instance.replicas == 0
    await instance.application.start("x")
    assert (instance.annotations, instance.replicas) == ({"kept": "yes", PAUSE: "true"}, replicas)
    begun = "Started the application" if replicas else "The application stays stopped, as before"
    assert instance.lines[1] == f"{begun}. The reconciliation stays paused by the annotation {PAUSE}."


NOT_CONFIRMED = r"the operator has not confirmed the pause of Cryostat here/sample \(condition ReconciliationActive\)"


async def test_the_application_is_stopped_after_the_operator_confirmed_the_pause() -> None:
    instance = Instance({}, has_operator=False)
    with pytest.raises(BackupError, match=NOT_CONFIRMED):
        await instance.application.stop()
    assert [method for method, _ in instance.server.writes] == ["PATCH"]


async def test_an_application_that_does_not_stop_is_reported() -> None:
    instance = Instance({})

    def only_confirm_the_pause(method: str, path: str, _: Any) -> None:
        if path != DEPLOYMENT and not path.endswith("/pods"):
            operate(instance.server)

    instance.server.hook = only_confirm_the_pause
    with pytest.raises(BackupError, match=r"^pods of Deployment here/sample still run$"):
        await instance.application.stop()
    assert instance.lines == []


async def test_an_application_that_cannot_be_started_again_is_reported() -> None:
    instance = Instance({PAUSE: "true"})
    await instance.application.stop()
    instance.server.hook = lambda *_: ApiError(403, "Forbidden", "no")
    with pytest.raises(ApiError):
        await instance.application.start("The data is restored")
    command = f"kubectl scale deployment {NAME} -n {NAMESPACE} --replicas=1"
    assert instance.lines[-1] == f"The data is restored, but the application stays stopped. To start it: `{command}`"
