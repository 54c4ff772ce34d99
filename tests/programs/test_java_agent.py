"""The simulated agent in a JVM: the settings that it refuses, and its calls of the simulated application.

The application is behind a server that requires client certificates and adds a header, as the agent gateway does.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.injection.environment import CERTIFICATE_DIRECTORY, LOG_LEVEL, agent_variables
from cryostat_operator.plan.injection.labels import parse_labels
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.cluster.processes import free_ports
from tests.java import jvm
from tests.node.images import java
from tests.operands import web
from tests.operands.application import Application
from tests.operands.callbacks import Caller, Credential
from tests.operands.discovery import RefusedError
from tests.unit.cluster_state import cryostat
from tests.unit.operands.variables import variables as variables

pytestmark = [
    pytest.mark.skipif(not jvm.AVAILABLE, reason="there is no JDK (.ci/programs)"),
    pytest.mark.timeout(120),
]
P = "CRYOSTAT_AGENT_"
Start = Callable[[Mapping[str, str | None]], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of the agents' Secret, with one self-signed certificate for `localhost`."""
    directory = tmp_path_factory.mktemp("certificate")
    crt, key, other = (directory / name for name in ("tls.crt", "tls.key", "pkcs8.key"))
    request: list[str | Path] = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"]
    request += ["-addext", "subjectAltName=DNS:localhost", "-keyout", other, "-out", crt]
    subprocess.run(["openssl", "req", *request], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-traditional", "-in", other, "-out", key], check=True, capture_output=True)
    shutil.copy(crt, directory / "ca.crt")
    return directory


@pytest.fixture(scope="module")
def application(variables: dict[str, str], certificate: Path) -> Application:
    return Application(variables, certificate / "ca.crt")


authorizations: set[str | None] = set()  # the values of this header in the requests to the gateway


@pytest.fixture(scope="module")
def gateway(application: Application, certificate: Path) -> Iterator[str]:
    """The address of a server that passes on requests as the agent gateway does."""

    def answer(request: web.Request) -> tuple[int, Any]:
        authorizations.add(request.headers.get("authorization"))
        headers = {**request.headers, "x-cryostat-agent-proxy": "true", "x-forwarded-for": request.peer}
        return application.answer(replace(request, headers=headers))

    server = web.server("127.0.0.1", 0, answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate / "ca.crt"))
    context.load_cert_chain(certificate / "tls.crt", certificate / "tls.key")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def env(gateway: str, certificate: Path) -> dict[str, str]:
    """The variables that the operator injects, with host names and files of this machine."""
    instance = Instance(Cryostat.model_validate(cryostat()), Snapshot(), Settings(service_tls=True))
    options = parse_labels({}, {}).options
    assert options
    container = {"env": agent_variables(instance, PodContext("apps"), options)}
    injected = jvm.environment(container, {}, {"metadata.name": "app-1", "status.podIP": "127.0.0.1"})
    env = {key: value.replace(CERTIFICATE_DIRECTORY, str(certificate)) for key, value in injected.items()}
    env |= {f"{P}BASEURI": gateway, f"{P}CALLBACK_HOST_NAME": "none.invalid, localhost", "PATH": os.environ["PATH"]}
    del env[f"{P}CALLBACK_DOMAIN_NAME"]
    env["JAVA_TOOL_OPTIONS"] = f"-javaagent:{java.programs()['agent.jar']}={LOG_LEVEL}=info"
    return env


def with_changes(env: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The variables of another JVM, which listens on another port. None removes a variable."""
    [port] = free_ports(1)
    ports = {f"{P}WEBSERVER_PORT": str(port), f"{P}CALLBACK_PORT": str(port)}
    return {key: value for key, value in {**env, **ports, **changes}.items() if value is not None}


@pytest.fixture
def start(env: dict[str, str]) -> Iterator[Start]:
    """`start({VARIABLE: value or None})` starts a JVM with the injected variables and these changes."""
    started: list[subprocess.Popen[str]] = []

    def make(changes: Mapping[str, str | None]) -> subprocess.Popen[str]:
        own = with_changes(env, changes)
        command: list[str | Path] = ["java", *jvm.FAST_START, "-jar", java.programs()["sample.jar"]]
        started.append(subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield make
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with a token, as that of a pod's ServiceAccount."""
    file = tmp_path / "token"
    file.write_text("a-token")
    return file


def line(stream: IO[str] | None, expected: str) -> str:
    """The first line of the agent's log with this text, or the whole log."""
    assert stream
    seen = []
    for text in stream:
        print(text, end="")
        seen.append(text)
        if expected in text or "startup failure" in text:
            break
    return seen[-1] if seen else ""


def test_the_agent_registers_over_mutual_tls_is_called_back_and_deregisters(
    start: Start, application: Application, certificate: Path, token: Path
) -> None:
    authorizations.clear()
    process = start({f"{P}AUTHORIZATION_VALUE": str(token)})
    callback = line(process.stderr, "registered as").split()[-1]
    assert callback.startswith("https://localhost:")
    assert application.registry.targets() == [{"connectUrl": callback, "alias": "app-1"}]
    [plugin] = application.registry.plugins.values()
    credential = application.credentials.get(plugin.credentials)
    assert len(credential.password) == 24
    caller = Caller(certificate / "ca.crt")
    caller.ping(callback, credential)
    with pytest.raises(RefusedError, match="401"):
        caller.ping(callback, Credential("", credential.username, "wrong"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert application.registry.targets() == []
    assert application.credentials.number_of(credential.expression) is None
    assert authorizations == {None}, "the token of the ServiceAccount is not sent"


def test_a_gateway_with_another_certificate_is_not_called(
    start: Start, application: Application, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    request: list[str | Path] = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-out", other]
    subprocess.run(["openssl", "req", *request, "-keyout", tmp_path / "key"], check=True, capture_output=True)
    process = start({f"{P}WEBCLIENT_TLS_TRUSTSTORE_CERT_0__PATH": str(other)})
    assert "PKIX path" in line(process.stderr, "not registered")
    assert application.registry.targets() == []


def test_the_gateway_refuses_an_agent_without_client_certificate(start: Start, application: Application) -> None:
    changes = dict.fromkeys(f"{P}WEBCLIENT_TLS_CLIENT_AUTH_{kind}_PATH" for kind in ("CERT", "KEY"))
    assert "not registered" in line(start(changes).stderr, "not registered")
    assert application.registry.targets() == []


RANGE = {f"{P}BASEURI_RANGE": None}
REFUSED: list[tuple[dict[str, str | None], str]] = [
    ({f"{P}BASEURI": None}, "cryostat.agent.baseuri is not set"),
    ({f"{P}BASEURI": "http://localhost:1"}, "TLS is required"),
    ({**RANGE, f"{P}BASEURI": "https://34.118.224.10:1"}, "outside of the allowed range"),
    ({**RANGE, f"{P}BASEURI": "https://100.64.3.4:1"}, "outside of the allowed range"),
    ({**RANGE, f"{P}BASEURI": "https://[fd00:10:96::1]:1"}, "outside of the allowed range"),
    ({f"{P}APP_NAME": None}, "cryostat.agent.app.name is not set"),
    ({f"{P}WEBCLIENT_TLS_CLIENT_AUTH_KEY_PATH": None}, "must be set together"),
    ({f"{P}WEBSERVER_TLS_CERT_FILE": None}, "must be set together"),
    ({f"{P}WEBCLIENT_TLS_TRUSTSTORE_CERT_0__ALIAS": None}, "cert[0].alias is not set"),
    ({f"{P}WEBCLIENT_TLS_TRUSTSTORE_CERT_0__PATH": "/none"}, "a certificate or key cannot be used: /none"),
    ({f"{P}WEBSERVER_TLS_KEY_PATH": "{}"}, "a certificate or key cannot be used"),
    ({f"{P}WEBSERVER_CREDENTIALS_PASS_LENGTH": "-1"}, "must be a number from 0"),
    ({f"{P}WEBSERVER_PORT": "many"}, "must be a number from 1"),
    ({f"{P}CALLBACK_HOST_NAME": r'fd00::7[replace(":"\, "-")]'}, "is no host name"),
]


def test_the_agent_does_not_start_with_wrong_settings(env: dict[str, str], certificate: Path, tmp_path: Path) -> None:
    files = []
    for number, (changes, _) in enumerate([({}, ""), *REFUSED]):
        changed = {key: value and value.format(certificate / "pkcs8.key") for key, value in changes.items()}
        files.append(tmp_path / str(number))
        files[-1].write_text("\n".join(f"{key}={value}" for key, value in with_changes(env, changed).items()))
    command: list[str | Path] = ["java", *jvm.FAST_START, "-cp", java.programs()["agent.jar"], "agent.Trial", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for found, (changes, expected) in zip(done.stdout.splitlines(), [({}, ""), *REFUSED], strict=True):
        assert expected in found, changes
        assert bool(expected) == bool(found), changes


def test_the_application_runs_without_its_agent(start: Start) -> None:
    process = start({f"{P}BASEURI": None})
    assert "startup failure" in line(process.stderr, "startup failure")
    assert process.poll() is None


def test_the_agent_waits_until_a_name_of_its_callback_resolves(start: Start) -> None:
    process = start({f"{P}CALLBACK_HOST_NAME": "none.invalid"})
    assert "no name of the callback resolves" in line(process.stderr, "not registered")


def test_the_callback_can_have_a_name_made_from_the_address(start: Start, token: Path) -> None:
    """With the agent's defaults it sends a token, too."""
    authorizations.clear()
    # The name for 127.0.0.1 resolves to this address again.
    authorization = {f"{P}AUTHORIZATION_TYPE": None, f"{P}AUTHORIZATION_VALUE": str(token)}
    process = start({f"{P}CALLBACK_HOST_NAME": r'127-0-0-1[replace("-"\, ".")]', **authorization})
    assert "https://127.0.0.1:" in line(process.stderr, "not registered"), "the certificate has another name"
    assert authorizations == {"Bearer a-token"}
