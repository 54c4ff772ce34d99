"""A real JVM with the keystore and truststore of the application: which certificates are accepted on both sides."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key
from tests.java import jvm
from tests.programs import nginx
from tests.programs.nginx import application as application
from tests.programs.nginx import gateway as gateway
from tests.programs.pod import Container, Data, authorities, foreign, planned, secrets
from tests.unit.cluster_state import NAME

pytestmark = pytest.mark.skipif(
    not (jvm.AVAILABLE and nginx.INSTALLED), reason="there is no JDK, or no nginx (.ci/programs)"
)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jvm.build(tmp_path_factory.mktemp("java"))


def ask(classes: Path, gateway: Container, keystore: Data, truststore: Data, password: str) -> tuple[int, str]:
    """The exit code, and the status line of the response or the error."""
    for name, data in (("keystore.p12", keystore), ("truststore.p12", truststore)):
        (classes / name).write_bytes(data[name])
    port = str(gateway.ports[names.PORT_AGENT_GATEWAY])
    stores = [classes / "keystore.p12", classes / "truststore.p12"]
    command: list[str | Path] = [
        "java",
        *jvm.FAST_START,
        "-cp",
        classes,
        "Handshake",
        nginx.HOST,
        port,
        *stores,
        password,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.strip() or done.stderr


def keystore(content: Mapping[Key, Data]) -> dict[Key, Data]:
    """The Secret that contains only the password."""
    return {key: data for key, data in content.items() if key.name == f"{NAME}-keystore"}


def password(gateway: Container) -> str:
    return gateway.secret(f"{NAME}-keystore")["KEYSTORE_PASS"].decode()


def test_a_server_and_a_client_use_the_keystore_and_the_truststore(classes: Path, gateway: Container) -> None:
    mine = gateway.secret(f"{NAME}-tls")
    assert ask(classes, gateway, mine, mine, password(gateway)) == (0, "HTTP/1.1 200 OK")


def test_a_jvm_accepts_connections_to_ipv6_addresses(classes: Path) -> None:
    """The report generators are a JVM. Its arguments set this address."""
    command: list[str | Path] = ["java", *jvm.FAST_START, "-cp", classes, "Listener", names.ALL_ADDRESSES]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout
            socket.create_connection(("::1", int(program.stdout.readline())), 60).close()
        finally:
            program.kill()


def test_another_authority_is_not_trusted(classes: Path, gateway: Container) -> None:
    theirs = foreign(gateway.plan, f"{NAME}-tls", keystore(gateway.secrets))
    code, output = ask(classes, gateway, gateway.secret(f"{NAME}-tls"), theirs, password(gateway))
    assert code != 0
    assert "PKIX path" in output


def test_both_sides_of_a_renewed_authority_are_trusted(classes: Path, application: int, tmp_path: Path) -> None:
    plan = planned()
    old, new = authorities(plan, 2700, 0)
    sides = [secrets(plan, old)]
    sides.append(secrets(plan, new, keystore(sides[0])))
    with nginx.running(plan, sides[1], tmp_path, application) as gateway:
        stores = [next(data for key, data in side.items() if key.name == f"{NAME}-tls") for side in sides]
        for mine in stores:
            for trusted in stores:
                assert ask(classes, gateway, mine, trusted, password(gateway)) == (0, "HTTP/1.1 200 OK")
