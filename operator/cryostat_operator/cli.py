"""The command line. Heavy imports wait inside the commands that need them."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .api import constants

if TYPE_CHECKING:
    from .api.v1beta2 import Cryostat
    from .settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="cryostat-operator")
def main() -> None:
    """Runs Cryostat on Kubernetes and OpenShift from one custom resource."""


@main.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104
@click.option("--port", default=8081, show_default=True, help="Port of /healthz, /readyz and /metrics.")
@click.option("--webhook-port", default=9443, show_default=True, help="Port of the webhooks that the API server calls.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
def run(host: str, port: int, webhook_port: int, log_format: str, log_level: str) -> None:
    """Run the operator until it is stopped.

    It uses the ServiceAccount of its pod or, outside a cluster, KUBECONFIG.

    \b
    Examples:
      cryostat-operator run
      KUBECONFIG=~/.kube/config cryostat-operator run --port 0 --log-format json
    """
    import asyncio
    import gc
    import signal

    import uvloop

    from . import logs, runtime
    from .settings import Settings

    logs.configure(json=log_format == "json", level=log_level.upper())

    async def until_stopped() -> None:
        task = asyncio.create_task(runtime.run(Settings.from_env(os.environ), host, port, webhook_port))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    gc.freeze()  # what was imported stays: the collector need not look at it again
    try:
        uvloop.run(until_stopped())
    except runtime.CrdNotServedError:
        # Like the restart of a container, for those who run it without one.
        logs.logger.warning("Cryostats are no longer served; beginning anew")
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - just what was started


@main.command()
@click.argument("file", type=click.File("r"))
@click.option("--platform", type=click.Choice(["kubernetes", "openshift"]), default="kubernetes", show_default=True)
@click.option("--tls/--no-tls", default=None, help="Encrypt traffic between components; default as for `run`.")
@click.option("-n", "--namespace", default=None, help="Namespace of a Cryostat that names none.")
def render(file: Any, platform: str, tls: bool | None, namespace: str | None) -> None:
    """Print the objects that the operator would make for the Cryostat in FILE (- for standard input), as YAML.

    No cluster is asked: every namespace and every Secret that the Cryostat names is taken to exist. Values that the
    operator would generate are not made and not shown.

    \b
    Examples:
      cryostat-operator render cryostat.yaml
      cryostat-operator render --platform openshift --tls cryostat.yaml
    """
    from .plan.render import manifests

    cryostat = _cryostat(file, namespace)
    settings = _settings(tls)
    click.echo(manifests(cryostat, settings, openshift=platform == "openshift"), nl=False)


@main.command()
@click.argument("file", type=click.File("r"))
@click.option("--tls/--no-tls", default=None, help="Encrypt traffic between components; default as for `run`.")
@click.option("-n", "--namespace", default=None, help="Namespace of a Cryostat that names none.")
def diff(file: Any, tls: bool | None, namespace: str | None) -> None:
    """Show what applying the Cryostat in FILE would change in the cluster of KUBECONFIG.

    Nothing is written. Ends with 1 where there are differences.

    \b
    Examples:
      cryostat-operator diff cryostat.yaml
    """
    import asyncio

    from .kube.client import ApiError
    from .kube.connection import LoginError
    from .reconcile.dry_run import difference

    try:
        text = asyncio.run(difference(_cryostat(file, namespace), _settings(tls)))
    except (ApiError, LoginError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(text, nl=False)
    sys.exit(1 if text else 0)


@main.command("convert-values")
@click.argument("file", type=click.File("r"))
@click.option("--name", default=None, help="Name of the Cryostat; default the chart's fullnameOverride, or cryostat.")
@click.option(
    "-n", "--namespace", default=None, help="Namespace of the Cryostat; default the one that it is applied to."
)
@click.option("--strict", is_flag=True, help="Print no Cryostat where a value is lost.")
def convert_values(file: Any, name: str | None, namespace: str | None, strict: bool) -> None:
    """Print the Cryostat for the values of the Helm chart `cryostat` in FILE (- for standard input), as YAML.

    Values that it cannot carry are named on standard error, with what to do about them. Ends with 0 where a Cryostat
    was printed, with 1 where the values cannot be used, or some are lost and --strict is given.

    \b
    Examples:
      cryostat-operator convert-values values.yaml > cryostat.yaml
      helm get values my-release -o yaml | cryostat-operator convert-values -
    """
    import yaml

    from .helm.convert_values import ConversionError, convert

    try:
        values = yaml.safe_load(file) or {}
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file.name} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise click.ClickException(f"{file.name} holds no mapping")
    try:
        found = convert(values, name, namespace)
    except ConversionError as error:
        raise click.ClickException(f"the values do not make a valid Cryostat:\n{error}") from None
    for line in found.lost:
        click.echo(f"warning: {line}", err=True)
    for line in found.notes:
        click.echo(f"note: {line}", err=True)
    if strict and found.lost:
        sys.exit(1)
    click.echo(yaml.safe_dump(found.cryostat, sort_keys=False), nl=False)


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 where a generated file is not up to date.")
@click.option("--root", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".", show_default=True)
def generate(check: bool, root: Path) -> None:
    """Write the files that are generated from the API models and tables: crds/, bundle/ and parts of manifests/.

    \b
    Examples:
      cryostat-operator generate
      cryostat-operator generate --check
    """
    from .packaging.generate import generate as write

    stale = write(root, check=check)
    for path in stale:
        click.echo(f"{'out of date' if check else 'written'}: {path}")
    sys.exit(1 if check and stale else 0)


def _settings(tls: bool | None) -> Settings:
    from .settings import Settings

    settings = Settings.from_env(os.environ)
    return settings if tls is None else replace(settings, service_tls=tls)


def _cryostat(file: Any, namespace: str | None) -> Cryostat:
    """The Cryostat of a YAML file that may hold other documents too."""
    import yaml
    from pydantic import ValidationError

    from .api.v1beta2 import Cryostat

    try:
        documents = [d for d in yaml.safe_load_all(file) if isinstance(d, dict) and d.get("kind") == constants.KIND]
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file.name} is not YAML: {error}") from None
    if len(documents) != 1:
        raise click.ClickException(f"{file.name} holds {len(documents)} Cryostats, expected one")
    if documents[0].get("apiVersion") != constants.API_VERSION:
        raise click.ClickException(f"apiVersion is {documents[0].get('apiVersion')}, expected {constants.API_VERSION}")
    document = documents[0]
    document["metadata"] = {"namespace": namespace or "default", **(document.get("metadata") or {})}
    if "name" not in document["metadata"]:
        raise click.ClickException("metadata.name is missing")
    try:
        return Cryostat.model_validate({"spec": {}, **document})
    except ValidationError as error:
        causes = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise click.ClickException("the Cryostat is not valid:\n" + "\n".join(causes)) from None
