"""PostgreSQL with the database container's arguments accepts only verified connections.

The image decides which connections are allowed (pg_hba.conf); this test allows encrypted ones only.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import pytest

from cryostat_operator.plan.model import names
from tests.programs.pod import Container, authorities, foreign, planned, secrets
from tests.programs.postgresql import INSTALLED, running
from tests.unit.cluster_state import NAME, environment

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
