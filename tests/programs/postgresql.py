"""Runs PostgreSQL as the database."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryostat_operator.plan.model import names
from tests.cluster.processes import Child
from tests.programs.pod import Container

# The newest installed version.
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=Path("/nowhere"))
USER = "postgres" if os.geteuid() == 0 else None
INSTALLED = (BIN / "postgres").exists() and shutil.which("psql")


@contextmanager
def running(container: Container) -> Iterator[Container]:
    """Run the database until the end of the block."""
    root = container.root
    data = Path(container.environment["PGDATA"])
    set_owners(container)
    run(BIN / "initdb", "-D", data, "-U", "postgres", "--auth-local=trust", "--no-sync")
    (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    port = str(container.ports[names.PORT_DATABASE])
    # The image sets name and port; the operator sets the arguments.
    command: list[str | Path] = [BIN / "postgres", "-D", data, "-p", port, "-k", root, "-c", "fsync=off"]
    command += container.arguments
    child = Child("postgresql", as_user(command), root / "log")
    with child.running_when(lambda: accepts(root, port)):  # PostgreSQL listens before it accepts logins
        variables = container.environment
        name, database = variables["POSTGRESQL_USER"], variables["POSTGRESQL_DATABASE"]
        sql = f"CREATE ROLE {name} LOGIN PASSWORD '{variables['POSTGRESQL_PASSWORD']}'"
        for statement in (sql, f"CREATE DATABASE {database} OWNER {name}"):
            run("psql", "-h", root, "-p", port, "-U", "postgres", "-c", statement)
        yield container


def accepts(directory: Path, port: str) -> bool:
    return subprocess.run([BIN / "pg_isready", "-q", "-h", directory, "-p", port], check=False).returncode == 0


def set_owners(container: Container) -> None:
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
