"""`run` with a kubeconfig that cannot be used ends with one sentence."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cryostat_operator import handlers, logs
from cryostat_operator.cli import main
from tests.unit.inspect.kubeconfigs import LOCALHOST, kubeconfig, self_signed, serving


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: bytes | None) -> Result:
    """The result of `run` with this kubeconfig. If it can be used, the operator ends at once."""

    async def run(*_: object) -> None:
        return

    file = tmp_path / "config"
    if config is not None:
        file.write_bytes(config)
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(handlers, "run", run)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    return CliRunner().invoke(main, ["run"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "no cluster: not in a pod, and the kubeconfig FILE does not exist. Correct the variable KUBECONFIG"),
        (b"", "no cluster: not in a pod, and the kubeconfig FILE names no cluster. Correct the variable KUBECONFIG"),
        (b"{", "the kubeconfig FILE is not YAML, see line 1"),
        (
            b"{current-context: x, clusters: [{name: a, cluster: {server: 'http://a'}}]}",
            "the kubeconfig has no context 'x'; `kubectl config get-contexts` lists them",
        ),
    ],
)
def test_the_operator_does_not_start_with_a_kubeconfig_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: bytes | None, message: str
) -> None:
    result = started(tmp_path, monkeypatch, config)
    assert (result.exit_code, result.output) == (2, f"Error: {message}\n".replace("FILE", str(tmp_path / "config")))


def test_the_operator_does_not_start_without_valid_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a client certificate that has expired."""
    with serving(401, b'{"kind": "Status", "reason": "Unauthorized"}') as server:
        result = started(tmp_path, monkeypatch, kubeconfig(server))
    assert (result.exit_code, result.output) == (
        2,
        f"Error: The API server {server} does not accept your credentials. Log in again, or choose another context in "
        "the kubeconfig.\n",
    )


def test_the_operator_does_not_start_if_the_certificate_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(200, b"{}", self_signed(tmp_path, LOCALHOST)) as server:
        result = started(tmp_path, monkeypatch, kubeconfig(server))
    assert (result.exit_code, "its certificate is not trusted" in result.output) == (2, True), result.output


def test_the_operator_waits_for_an_api_server_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status in (200, 403, 503, None):
        with serving(status or 200, b"{}") as server:
            config = kubeconfig(server if status else "http://127.0.0.1:1")
            assert started(tmp_path, monkeypatch, config).exit_code == 0, status
