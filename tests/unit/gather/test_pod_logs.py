"""The ends of the logs of all containers, also of restarted ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cryostat_operator.gather import pod_logs
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.api_server import ApiServer


class Logs(ApiServer):
    """An API server with logs; `refused` has containers whose log cannot be read, `slow` those that do not answer."""

    def __init__(self, refused: tuple[str, ...] = (), slow: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.refused, self.slow = refused, slow
        self.given: list[Any] = []

    async def request(self, method: str, path: str, **options: Any) -> Obj:
        params = options["params"]
        self.given.append((path, params))
        if params["container"] in self.refused:
            raise ApiError(404, "NotFound", "the node\nis gone, password=x7")
        if params["container"] in self.slow:
            await asyncio.sleep(60)
        return {"text": f"log of {params['container']}, previous={params['previous']}, password=x7"}


def pod(name: str = "p", restarts: int = 0) -> Obj:
    statuses = [{"name": "app", "restartCount": restarts}]
    return {
        "metadata": {"name": name, "namespace": "here"},
        "spec": {"initContainers": [{"name": "init"}], "containers": [{"name": "app"}]},
        "status": {"containerStatuses": statuses, "initContainerStatuses": None},
    }


async def test_the_log_of_each_container_is_read_without_passwords() -> None:
    server, notes = Logs(), list[str]()
    files = await pod_logs.pod_logs(server, [pod(), pod("q")], "logs", notes)
    assert files == {
        f"logs/{name}-{container}.log": f"log of {container}, previous=false, password=<removed>"
        for name in ("p", "q")
        for container in ("init", "app")
    }
    assert notes == []
    path, params = server.given[0]
    assert path == "/api/v1/namespaces/here/pods/p/log"
    assert (params["tailLines"], params["limitBytes"], params["timestamps"]) == ("1000", "1048576", "true")


async def test_the_previous_run_of_a_restarted_container_is_read() -> None:
    files = await pod_logs.pod_logs(Logs(), [pod(restarts=2)], "logs", [])
    assert list(files) == ["logs/p-init.log", "logs/p-app.log", "logs/p-app.previous.log"]
    assert "previous=true" in files["logs/p-app.previous.log"]


async def test_a_log_that_cannot_be_read_is_noted_and_the_others_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_logs, "LOG_SECONDS", 0.01)
    notes: list[str] = []
    files = await pod_logs.pod_logs(Logs(refused=("init",)), [pod()], "logs", notes)
    assert list(files) == ["logs/p-app.log"]
    assert notes == [
        "The log of container init of pod p cannot be read: the node is gone, password=<removed>",
    ]
    notes.clear()
    assert await pod_logs.pod_logs(Logs(slow=("init", "app")), [pod()], "logs", notes) == {}
    assert notes[1] == "The log of container app of pod p cannot be read: no answer within 0 seconds"


async def test_a_pod_without_spec_and_status_has_no_logs() -> None:
    assert await pod_logs.pod_logs(Logs(), [{"metadata": {"name": "p", "namespace": "here"}}], "logs", []) == {}
