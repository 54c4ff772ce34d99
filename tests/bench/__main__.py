"""`make bench`: one table of counts, ratios and seconds, compared with a client that only creates the objects."""

from __future__ import annotations

import statistics
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.bench import measure
from tests.cluster.cert_manager import CertManager
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.operator_process import OperatorProcess, install

# Figures of the Go operator 4.3.0-dev on two cores and the same control plane, without webhooks and TLS.
GO = {
    "one": "0.20 s, 93 writes",
    "100": "36 s, 8,684 requests, 8.3 CPU s, 85 MiB",
    "300": "141 s, 25,949 requests, 129 MiB",
    "restart": "2,530 writes (100 CRs), 6,969 (300)",
    "foreign": "+171 MiB",
    "cert-manager": "7.7 s, 520 requests",
}


@click.command()
@click.option("--sizes", default="100,300", show_default=True, help="Numbers of Cryostats that are applied at once.")
@click.option("--foreign", default=5000, show_default=True, help="Number of Secrets of 10 KiB of other owners.")
def main(sizes: str, foreign: int) -> None:
    rows: list[tuple[str, str, str]] = []

    def row(what: str, value: str, go: str = "") -> None:
        rows.append((what, value, go))
        click.echo(f"  {what}: {value}", err=True)

    with ControlPlane(Options(kwok=False, scheduler=False, volumes=0)) as plane, TemporaryDirectory() as scratch:
        install(plane.api)
        operator = OperatorProcess(plane.api, Path(scratch) / "1")
        operator.wait_ready()
        row("memory without a Cryostat", f"{measure.memory(operator):.0f} MiB")
        _one(plane, row)
        _repair(plane, row)
        for size in map(int, sizes.split(",")):
            operator = _many(plane, operator, size, Path(scratch) / str(size), row)
        _foreign(plane, operator, foreign, Path(scratch) / "foreign", row)
        operator.stop()
    for size in map(int, sizes.split(",")):
        _floor_of_many(size, row)
    _encrypted(row)
    _print(rows)


def _namespace(plane: ControlPlane, name: str) -> str:
    plane.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def _one(plane: ControlPlane, row) -> None:  # type: ignore[no-untyped-def]
    namespace = _namespace(plane, "bench-one")
    floors, bursts = [], []
    measure.create_all(plane, [measure.cryostat(namespace, "warm-up")])
    for number in range(7):
        floors.append(measure.bare_client_seconds(plane, [namespace], measure.IN_FLIGHT))
        bursts.append(measure.create_all(plane, [measure.cryostat(namespace, f"one-{number}")]))
    seconds, lowest = statistics.median(b.seconds for b in bursts), statistics.median(floors)
    row("floor: a bare client makes the objects of one Cryostat", f"{lowest:.3f} s")
    last = bursts[-1]
    row(
        f"one Cryostat, until its {last.objects} objects exist",
        f"{seconds:.3f} s ({seconds / lowest:.2f} × floor), {last.requests} requests, {last.writes} writes",
        GO["one"],
    )


def _repair(plane: ControlPlane, row) -> None:  # type: ignore[no-untyped-def]
    seconds = measure.repair(plane, "bench-one", [f"one-{number}" for number in range(7)])
    row("a deleted Service is back after", f"{seconds:.3f} s")


def _floor_of_many(size: int, row) -> None:  # type: ignore[no-untyped-def]
    """The figures of a client that only creates the objects, in a new cluster."""
    with ControlPlane(Options(kwok=False, scheduler=False, volumes=0)) as plane:
        namespaces = [_namespace(plane, f"floor-{number}") for number in range(size)]
        seconds = measure.bare_client_seconds(plane, namespaces, measure.IN_FLIGHT_OF_MANY)
    row(f"floor: a bare client makes the objects of {size}, {measure.IN_FLIGHT_OF_MANY} at a time", f"{seconds:.1f} s")


def _many(plane: ControlPlane, operator: OperatorProcess, size: int, scratch: Path, row) -> OperatorProcess:  # type: ignore[no-untyped-def]
    namespaces = [_namespace(plane, f"bench-{size}-{number}") for number in range(size)]
    before = measure.cpu(operator)
    result = measure.create_all(plane, [measure.cryostat(namespace, "cryostat") for namespace in namespaces])
    used = measure.cpu(operator) - before
    row(
        f"{size} Cryostats at once, until their {result.objects} objects exist",
        f"{result.seconds:.1f} s, {result.requests} requests ({result.settled_requests} until it was idle), "
        f"{used:.1f} CPU s, {measure.memory(operator):.0f} MiB",
        GO.get(str(size), ""),
    )
    measure.wait_until_reported(plane)
    writes, renewals = measure.writes_during(plane, 10.0)
    row("writes in 10 idle seconds", f"{writes}, and {renewals} renewals of the Lease")
    operator.stop()
    mark = plane.audit_mark()
    operator = OperatorProcess(plane.api, scratch)
    operator.wait_ready()
    measure.wait_until_idle(plane)
    events = measure.requests(plane, mark)
    writes = sum(e["verb"] not in measure.READS for e in events)
    row(f"restart with {size} Cryostats", f"{writes} writes, {len(events)} requests in all", GO["restart"])
    row(f"memory after the restart with {size}", f"{measure.memory(operator):.0f} MiB")
    return operator


def _foreign(plane: ControlPlane, operator: OperatorProcess, count: int, scratch: Path, row) -> None:  # type: ignore[no-untyped-def]
    before = measure.memory(operator)
    measure.foreign_secrets(plane, _namespace(plane, "bench-foreign"), count)
    measure.wait_until_idle(plane)
    running = measure.memory(operator)
    again = OperatorProcess(plane.api, scratch)
    again.wait_ready()
    measure.wait_until_idle(plane)
    started = measure.memory(again)
    again.stop()
    row(
        f"{count} foreign Secrets of 10 KiB",
        f"{running - before:+.0f} MiB, {started - before:+.0f} MiB after a restart",
        GO["foreign"],
    )


def _encrypted(row) -> None:  # type: ignore[no-untyped-def]
    """The figures of one instance with TLS in a new cluster, with the operator's CA, then with cert-manager."""
    ways = {"the built-in authority": {}, "cert-manager 1.11": {"enableCertManager": True}}
    for way, spec in ways.items():
        with ControlPlane(Options(kwok=False, scheduler=False, volumes=0)) as plane, TemporaryDirectory() as scratch:
            install(plane.api)
            with CertManager(plane) if spec else nullcontext():
                operator = OperatorProcess(plane.api, Path(scratch), {"DISABLE_SERVICE_TLS": "false"})
                operator.wait_ready()
                namespace = _namespace(plane, "bench-tls")
                measure.create_all(plane, [measure.cryostat(namespace, "warm-up", **spec)], tls=True)
                bursts = [
                    measure.create_all(plane, [measure.cryostat(namespace, f"tls-{number}", **spec)], tls=True)
                    for number in range(3)
                ]
                operator.stop()
        seconds = statistics.median(b.seconds for b in bursts)
        row(
            f"one Cryostat with TLS by {way}, until its {bursts[-1].objects} objects exist",
            f"{seconds:.2f} s, {bursts[-1].requests} requests, {bursts[-1].writes} writes",
            GO["cert-manager"] if spec else "",
        )


def _print(rows: list[tuple[str, str, str]]) -> None:
    click.echo("\n| measured | this operator | the Go operator |\n|---|---|---|")
    for what, value, go in rows:
        click.echo(f"| {what} | {value} | {go} |")


main()
