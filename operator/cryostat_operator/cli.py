"""The command line. Large modules are imported inside the commands that need them, so that the others start fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import add_completion_class

from .backup import backup_commands
from .command_group import Commands
from .command_input import cryostat_in_file, in_namespace, settings_of_environment, text_of
from .gather import gather_command
from .images import AGENT_VERSION, CRYOSTAT_VERSION
from .inspect import commands
from .inspect.completion import BashCompletion, completions
from .inspect.parameters import CONTEXT, namespace_option
from .run_command import run

# Arguments and options of several commands.
_FILE = click.argument("file", type=click.File("r", encoding="utf-8"))
_TLS = click.option(
    "--tls/--no-tls",
    default=None,
    help="Whether traffic between components is encrypted if the Cryostat does not set enableCertManager; "
    "default: yes, unless DISABLE_SERVICE_TLS is true.",
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(
    package_name="cryostat-operator",
    message=f"%(prog)s %(version)s, for Cryostat {CRYOSTAT_VERSION} and its agent {AGENT_VERSION}",
)
def main() -> None:
    """Run Cryostat on Kubernetes and OpenShift from one custom resource."""


@main.command(short_help="Print the objects of a Cryostat, without a cluster.")
@_FILE
@click.option(
    "--platform",
    type=click.Choice(["kubernetes", "openshift"]),
    default="kubernetes",
    show_default=True,
    help="Platform of the cluster.",
)
@_TLS
@namespace_option(help="Namespace of the Cryostat if FILE does not set one; default: the namespace `default`.")
def render(file: Any, platform: str, tls: bool | None, namespace: str | None) -> None:
    """Print the objects that the operator would create for the Cryostat in FILE (- for standard input), as YAML.

    No cluster is used. All namespaces, Secrets and ConfigMaps that the Cryostat refers to are assumed to exist.
    Generated values, such as passwords, are not shown.

    \b
    Examples:
      cryostat-operator render cryostat.yaml
      cryostat-operator render --platform openshift --tls cryostat.yaml
    """
    from .plan.render import assumed_plan, left_out, manifests

    cryostat = cryostat_in_file(file, namespace or "default")
    settings = settings_of_environment(tls)
    plan = assumed_plan(cryostat, settings, openshift=platform == "openshift")
    click.echo(manifests(plan), nl=False)
    for line in left_out(plan):
        click.echo(line, err=True)


@main.command(short_help="Show what applying a Cryostat would change.")
@_FILE
@_TLS
@namespace_option(help="Namespace of the Cryostat if FILE does not set one; default: that of the context.")
@CONTEXT
def diff(file: Any, tls: bool | None, namespace: str | None, context: str | None) -> None:
    """Show what applying the Cryostat in FILE would change in the cluster of your kubeconfig.

    Nothing is written. Your own permissions are used: notes on standard error name what you may not read.
    Exit status: 0 if nothing would change, 1 if there are changes, 2 after an error.

    \b
    Examples:
      cryostat-operator diff cryostat.yaml
    """
    from .reconcile.dry_run import difference

    try:
        cryostat, settings = cryostat_in_file(file, namespace or ""), settings_of_environment(tls)
    except click.ClickException as error:
        commands.fail(error.format_message())
    found = commands.run_with_client(
        context, lambda client, current: difference(client, in_namespace(cryostat, current), settings)
    )
    for assumption in found.assumptions:
        click.echo(f"note: {assumption}", err=True)
    click.echo(found.text, nl=False)
    sys.exit(1 if found.text else 0)


@main.command("convert-values", short_help="Convert values of the Helm chart to a Cryostat.")
@_FILE
@click.option("--name", default=None, help="Name of the Cryostat; default: fullnameOverride of the chart, or cryostat.")
@namespace_option(help="Namespace of the Cryostat; default: none.")
@click.option("--strict", is_flag=True, help="Fail without output if a value cannot be converted.")
def convert_values(file: Any, name: str | None, namespace: str | None, strict: bool) -> None:
    """Convert the values of the Helm chart `cryostat` in FILE (- for standard input) to a Cryostat.

    FILE is a values file, the output of `helm get values`, a Flux HelmRelease or an Argo CD Application. The Cryostat
    is printed as YAML. Each value that cannot be converted is reported on standard error, with what to do about it.
    Exit status: 0 if a Cryostat was printed; 1 if the values are not valid, or with --strict if one was reported.

    \b
    Examples:
      cryostat-operator convert-values values.yaml > cryostat.yaml
      helm get values my-release | cryostat-operator convert-values -
      kubectl get helmrelease my-release -o yaml | cryostat-operator convert-values -
    """
    from .helm.convert_values import ConversionError, convert
    from .helm.values_reader import ValuesError, read_values
    from .plan.yaml_text import documents

    try:
        result = convert(read_values(text_of(file)), name, namespace)
    except ValuesError as error:
        raise click.ClickException(f"{file.name} {error}") from None
    except ConversionError as error:
        problems = "".join(f"\n  {problem}" for problem in str(error).splitlines())
        raise click.ClickException(f"{file.name}: the values do not result in a valid Cryostat:{problems}") from None
    for line in result.not_converted:
        click.echo(f"warning: {line}", err=True)
    for line in result.notes:
        click.echo(f"note: {line}", err=True)
    if strict and result.not_converted:
        sys.exit(1)
    click.echo(documents([result.cryostat]), nl=False)


@main.command(short_help="Write or check the generated files.")
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 if a file is out of date.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=".",
    show_default=True,
    help="Directory of the source tree.",
)
def generate(check: bool, root: Path) -> None:
    """Write the files that are generated from the API models and tables: crds/, bundle/, and parts of manifests/
    and overlays/.

    \b
    Examples:
      cryostat-operator generate
      cryostat-operator generate --check
    """
    from .packaging.generate import generate as write

    try:
        stale = write(root, check=check)
    except ModuleNotFoundError as error:
        commands.fail(
            f"The Python package {error.name} is missing. Run the command of .venv, which `make venv` creates."
        )
    for path in stale:
        click.echo(f"{'out of date' if check else 'written'}: {path}")
    sys.exit(1 if check and stale else 0)


def complete() -> None:
    """Print the completions of `kubectl cryostat`: kubectl runs this as `kubectl_complete-cryostat`."""
    for line in completions(main, sys.argv[1:]):
        click.echo(line)


add_completion_class(BashCompletion)
main.add_command(run)
main.add_command(commands.status)
main.add_command(gather_command.must_gather)
main.add_command(backup_commands.backup)
main.add_command(backup_commands.restore)
