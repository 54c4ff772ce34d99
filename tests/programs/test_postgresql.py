"""PostgreSQL with the database container's arguments accepts only verified connections.

The image decides which connections are allowed (pg_hba.conf); this test allows encrypted ones only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import pytest

from cryostat_operator.plan.model import names
from tests.cluster.processes import Child
from tests.programs.pod import Container, authorities, foreign, planned, secrets
from tests.unit.cluster_state import NAME, environment

# The newest installed version.
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=Path("/nowhere"))
USER = "postgres" if os.geteuid() == 0 else None
INSTALLED = (BIN / "postgres").exists() and shutil.which("psql")
pytestmark = pytest.mark.skipif(not INSTALLED, reason="PostgreSQL is not installed (.ci/programs)")


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory outside of pytest's: another pytest process makes pytest's inaccessible to PostgreSQL's user."""
    with TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def database(directory: Path) -> Iterator[Container]:
    plan = planned()
    with running(Container(plan, secrets(plan), f"{NAME}-database", f"{NAME}-db", directory)) as container:
        yield container


@contextmanager
def running(container: Container) -> Iterator[Container]:
    """Run the database until the end of the block."""
    root = container.root
    data = Path(container.environment["PGDATA"])
    owned(container)
    run(BIN / "initdb", "-D", data, "-U", "postgres", "--auth-local=trust", "--no-sync")
    (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    port = str(container.ports[names.PORT_DATABASE])
    # The image sets name and port; the operator sets the arguments.
    command: list[str | Path] = [BIN / "postgres", "-D", data, "-p", port, "-k", root, "-c", "fsync=off"]
    command += container.arguments
    child = Child("postgresql", as_user(command), root / "log")
    try:
        # PostgreSQL listens before it accepts logins.
        child.wait_until(lambda: accepts(root, port), 60)
        variables = container.environment
        name, database = variables["POSTGRESQL_USER"], variables["POSTGRESQL_DATABASE"]
        sql = f"CREATE ROLE {name} LOGIN PASSWORD '{variables['POSTGRESQL_PASSWORD']}'"
        for statement in (sql, f"CREATE DATABASE {database} OWNER {name}"):
            run("psql", "-h", root, "-p", port, "-U", "postgres", "-c", statement)
        yield container
    finally:
        child.stop()
        print(child.tail(30))


def accepts(directory: Path, port: str) -> bool:
    return subprocess.run([BIN / "pg_isready", "-q", "-h", directory, "-p", port], check=False).returncode == 0


def owned(container: Container) -> None:
    """Set the owners of volumes as in a pod: the program's user, and its group for Secrets."""
    if USER is None:
        return
    container.root.chmod(0o755)
    shutil.chown(container.root, USER)
    for mount in container.mounts:
        place = container.place(mount["mountPath"])
        if mount.get("readOnly"):
            for path in place.iterdir():
                shutil.chown(path, group=USER)
        else:
            shutil.chown(place, USER)


def as_user(command: list[str | Path]) -> list[str | Path]:
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command] if USER else command


def run(*command: str | Path) -> None:
    subprocess.run(as_user(list(command)), check=True, capture_output=True, cwd="/")


def connect(database: Container, root: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a query on the database's local port, with the settings of the application's JDBC URL and these changes."""
    url = environment(database.plan)["QUARKUS_DATASOURCE_JDBC_URL"].removeprefix("jdbc:")
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    assert query["sslmode"] == ["verify-full"]
    (root / "ca.crt").write_bytes(database.secret(f"{NAME}-database-tls")["ca.crt"])
    assert re.search(rf"{NAME}-database-tls/ca.crt$", query["sslrootcert"][0])
    wanted = {
        "host": parts.hostname or "",
        "hostaddr": "127.0.0.1",
        "port": str(database.ports[names.PORT_DATABASE]),
        "dbname": parts.path.lstrip("/"),
        "user": environment(database.plan)["QUARKUS_DATASOURCE_USERNAME"],
        "sslmode": query["sslmode"][0],
        "sslrootcert": str(root / "ca.crt"),
        **changes,
    }
    login = {"PGPASSWORD": database.environment["POSTGRESQL_PASSWORD"], "PATH": os.environ["PATH"], "HOME": str(root)}
    text = " ".join(f"{key}={value}" for key, value in wanted.items())
    query_text = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    return subprocess.run(["psql", text, "-At", "-c", query_text], env=login, capture_output=True, text=True)


def test_the_application_connects_and_verifies(database: Container, tmp_path: Path) -> None:
    answer = connect(database, tmp_path)
    assert (answer.stdout.strip(), answer.stderr) == ("t|TLSv1.3", "")


def test_plain_text_is_refused(database: Container, tmp_path: Path) -> None:
    assert "no encryption" in connect(database, tmp_path, sslmode="disable").stderr


def test_another_authority_is_not_trusted(database: Container, tmp_path: Path) -> None:
    (tmp_path / "other.crt").write_bytes(foreign(database.plan, f"{NAME}-database-tls")["ca.crt"])
    answer = connect(database, tmp_path, sslrootcert=str(tmp_path / "other.crt"))
    assert "certificate verify failed" in answer.stderr


def test_another_name_is_not_accepted(database: Container, tmp_path: Path) -> None:
    assert "does not match host name" in connect(database, tmp_path, host="another.example.svc").stderr


def test_a_wrong_password_is_refused(database: Container, tmp_path: Path) -> None:
    assert "password authentication failed" in connect(database, tmp_path, password="wrong").stderr


@pytest.mark.parametrize("number", [0, 1], ids=["before", "after"])
def test_the_application_can_connect_during_a_renewal_of_the_authority(tmp_path: Path, number: int) -> None:
    plan = planned()
    old, new = authorities(plan, 2700, 0)
    content = secrets(plan, (old, new)[number])
    with (
        TemporaryDirectory() as directory,
        running(Container(plan, content, f"{NAME}-database", f"{NAME}-db", Path(directory))) as database,
    ):
        for trusted in (old["tls.crt"], new["tls.crt"], new["ca.crt"]):
            (tmp_path / "trusted.crt").write_bytes(trusted)
            answer = connect(database, tmp_path, sslrootcert=str(tmp_path / "trusted.crt"))
            assert (answer.stdout.strip(), answer.stderr) == ("t|TLSv1.3", "")
