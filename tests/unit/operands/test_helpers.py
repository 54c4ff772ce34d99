"""The simulated Grafana, data source and report generators."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3

from tests.operands import helpers, web
from tests.programs import pod
from tests.unit.cluster_state import NAME, environment


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    """Run a server and yield its URL."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def planned(name: str, deployment: str = NAME) -> dict[str, str]:
    """The variables of a planned container, with a free port."""
    found = environment(pod.planned({"reportOptions": {"replicas": 1}}), deployment, name)
    return {**found, "QUARKUS_HTTP_PORT": "0"}


def get(url: str, headers: Mapping[str, str] | None = None) -> int:
    return urllib3.request("GET", url, headers=headers, retries=False, timeout=10).status


def test_grafana_serves_its_health_and_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "server", _on_free_port)
    with served(helpers.grafana(planned(f"{NAME}-grafana"))) as url:
        assert [get(url + path) for path in ("/api/health", "/grafana/", "/grafana/api/health")] == [200, 200, 200]
        assert get(url + "/other") == 404


def test_grafana_refuses_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "server", _on_free_port)
    with served(helpers.grafana(planned(f"{NAME}-grafana"))) as url:
        assert get(f"{url}/grafana/", {"Authorization": "Basic dTpw"}) == 401
    with pytest.raises(ValueError, match="SUB_PATH"):
        helpers.grafana({"GF_SERVER_ROOT_URL": "http://localhost/"})


def test_both_files_about_the_storage_are_needed(tmp_path: Path) -> None:
    env = {f"CRYOSTAT_STORAGE_TLS_{kind}_PATH": str(tmp_path / kind) for kind in ("CA", "CERT")}
    with pytest.raises(FileNotFoundError):
        helpers.check_storage_certificate(env)
    for path in env.values():
        Path(path).touch()
    helpers.check_storage_certificate(env)
    helpers.check_storage_certificate({})
    env.popitem()
    with pytest.raises(ValueError, match="together"):
        helpers.check_storage_certificate(env)


def test_the_data_source_serves_its_probe() -> None:
    planned_env = planned(f"{NAME}-jfr-datasource")
    env = {name: value for name, value in planned_env.items() if "STORAGE_TLS" not in name}
    with served(helpers.datasource(env)) as url:
        assert (get(f"{url}/"), get(f"{url}/other")) == (200, 404)


def test_report_generators_refuse_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    monkeypatch.setattr(helpers, "check_storage_certificate", lambda env: None)
    monkeypatch.setattr(web, "encrypt", lambda server, *files: used.extend(files))
    env = planned(f"{NAME}-reports", f"{NAME}-reports")
    assert env["QUARKUS_HTTP_INSECURE_REQUESTS"] == "disabled"
    helpers.reports({**env, "QUARKUS_HTTP_SSL_PORT": "0"}).server_close()
    assert [Path(path).name for path in used] == ["tls.crt", "tls.key"]
    with served(helpers.reports({**env, "QUARKUS_HTTP_INSECURE_REQUESTS": "enabled"})) as url:
        assert get(f"{url}/health") == 200
    assert len(used) == 2


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(web, "environment", dict)
    assert helpers.main("datasource") == 1
    assert "the variable 'QUARKUS_HTTP_HOST' is not set" in capsys.readouterr().err


_server = web.server


def _on_free_port(host: str, port: int, answer: web.Answer) -> ThreadingHTTPServer:
    return _server("127.0.0.1", 0, answer)
