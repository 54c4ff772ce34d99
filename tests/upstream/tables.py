"""The names that this operator knows: fields, variables, images, values and requests."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from cryostat_operator.helm.rule_table import RULES
from cryostat_operator.helm.rule_types import UNKNOWN_VALUE, Context, NotConverted, evaluate
from cryostat_operator.images import IMAGES
from cryostat_operator.packaging.crds import crd
from cryostat_operator.plan.components.agent_requests import AGENT_REQUESTS, JVM_ID, NUMBER, UUID
from cryostat_operator.plan.injection.environment import agent_variables
from cryostat_operator.plan.injection.labels import parse_labels
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState, cryostat
from tests.upstream import checkouts

VARIANTS: tuple[dict[str, Any], ...] = (
    {"agentOptions": {"disableHostnameVerification": True}},
    {
        "reportOptions": {"replicas": 1},
        "objectStorageOptions": {
            "secretName": "s3",
            "provider": {"url": "https://s3.example.com", "region": "r", "tlsTrustAll": True},
        },
    },
)
GOLDEN = Path(__file__).parents[1] / "golden"
AGENT_LABELS = {
    "harvester-template": "profile",
    "harvester-period": "1m",
    "harvester-max-files": "1",
    "harvester-exit-max-age": "1m",
    "harvester-exit-max-size": "1Mi",
    "smart-triggers": "triggers",
}


def crd_fields() -> set[str]:
    """The paths of all fields of a Cryostat, each after its version."""
    return checkouts.crd_paths(crd())


def operand_variables() -> set[str]:
    """The variables of all containers of recorded instances and of `VARIANTS`, and of pods with an agent."""
    return {*(name for container in _containers() for name in _names(container)), *injected_variables()}


def application_variables() -> set[str]:
    """The variables of the application's container in recorded instances."""
    return {name for container in _containers() if _is_application(container) for name in _names(container)}


def injected_variables() -> set[str]:
    """The variables of a container with an agent that can differ by TLS, FIPS mode and labels."""
    options = parse_labels({f"cryostat.io/{key}": value for key, value in AGENT_LABELS.items()}, {}).options
    assert options
    contexts = (PodContext("apps"), PodContext("apps", ipv6=True, fips=True))
    specs: tuple[dict[str, Any], ...] = ({}, {"agentOptions": {"disableHostnameVerification": True}})
    return {
        entry["name"]
        for tls in (True, False)
        for spec in specs
        for context in contexts
        for entry in agent_variables(
            ClusterState(cryostat(spec), settings=Settings(service_tls=tls)).instance, context, options
        )
    }


def images() -> set[str]:
    """Images by the variable that selects them, as `checkouts.images` names them."""
    return {name for variable, reference in IMAGES.values() for name in checkouts.image_names(variable, reference)}


def covers_request(request: str) -> bool:
    """Whether the agent gateway passes on a request that `checkouts.agent_requests` found."""
    method, _, path = request.rpartition(" ")
    return any(
        (not method or method in each.methods)
        and any(re.fullmatch(each.path, path.replace(checkouts.PLACEHOLDER, value)) for value in _EXAMPLES)
        for each in AGENT_REQUESTS
    )


def current_requests() -> set[str]:
    """The requests of the newest agent, in the form of `checkouts.agent_requests`."""
    return {
        f"{method} {_template(each.path)}"
        for each in AGENT_REQUESTS
        if each.releases[1] is None
        for method in each.methods
    }


_EXAMPLES = ("00000000-0000-4000-8000-000000000000", "1")


def _template(path: str) -> str:
    for pattern in (UUID, NUMBER, JVM_ID):
        path = path.replace(pattern, checkouts.PLACEHOLDER)
    return path.replace("\\", "")


def unknown_values(values: dict[str, Any]) -> set[str]:
    """The values of the chart that `convert-values` reports as unknown."""
    findings = (
        finding
        for leaf in checkouts.leaves(values)
        for finding in evaluate("", _only(values, leaf.split(".")), RULES, Context(values))
    )
    return {each.path for each in findings if isinstance(each, NotConverted) and each.advice == UNKNOWN_VALUE}


def chart_rules() -> set[str]:
    """The values of the chart that `convert-values` knows."""
    return set(RULES)


def _only(values: Any, steps: list[str]) -> Any:
    """A tree with only this value. A text replaces an empty value, because rules ignore empty values."""
    return {steps[0]: _only(values[steps[0]], steps[1:])} if steps else values or "x"


@functools.cache
def _containers() -> tuple[dict[str, Any], ...]:
    """The containers of the recorded instances, and of variants that are not recorded, also in a cluster with IPv6."""
    return tuple(_recorded_and_varied())


def _recorded_and_varied() -> Iterator[dict[str, Any]]:
    for file in sorted(GOLDEN.glob("*.yaml")):
        yield from _containers_of(list(yaml.safe_load_all(file.read_text(encoding="utf-8"))))
    for spec in VARIANTS:
        settings = Settings(insights_proxy="http://insights")
        state = ClusterState(cryostat(spec), openshift=True, settings=settings).settle(provided=True)
        yield from _containers_of([*state.plan.objects.values()])
        state.snapshot = replace(state.snapshot, api_server=("fd00::1",))
        yield from _containers_of([*state.plan.objects.values()])


def _containers_of(value: Any) -> Iterator[dict[str, Any]]:
    """All containers in a nested value."""
    if isinstance(value, dict):
        for key in ("containers", "initContainers"):
            yield from (each for each in value.get(key) or [] if isinstance(each, dict))
        for inner in value.values():
            yield from _containers_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _containers_of(inner)


def _is_application(container: dict[str, Any]) -> bool:
    return container.get("image") == IMAGES["core"][1] and "ports" in container


def _names(container: dict[str, Any]) -> Iterable[str]:
    return [variable["name"] for variable in container.get("env") or []]
