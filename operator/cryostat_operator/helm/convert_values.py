"""Converts chart values to a Cryostat, and lists the values that no field of it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..api.validation import validation_problems
from .group_rules import scheduling
from .ingress_rules import ingress_note
from .rule_table import RULES
from .rule_types import Context, NotConverted, SetField, Values, evaluate, number_of

# Defaults that differ from the chart's: the value that would choose one, and what the operator does without it.
_CHANGED_DEFAULTS = (
    ("db.pvc.enabled", "the operator creates a PersistentVolumeClaim of 500Mi; the chart uses an emptyDir"),
    ("storage.pvc.enabled", "the operator creates a PersistentVolumeClaim of 32Gi; the chart uses an emptyDir"),
)
_LOGIN_REQUIRED = (
    "authentication: the values configure no login, and the chart then serves the application without one. "
    "The operator generates a login and names its Secret in status.basicAuthSecret; "
    "on OpenShift, users log in with their cluster account"
)


class ConversionError(ValueError):
    """The values do not result in a valid Cryostat; the message has one line per invalid field."""


@dataclass(frozen=True)
class Conversion:
    """Result of a conversion.

    Attributes:
        cryostat: the Cryostat in the shape of its JSON.
        not_converted: one line per value that no field of the Cryostat takes, with what to do about it.
        notes: one line per default of the operator that differs from the chart's.
    """

    cryostat: dict[str, Any]
    not_converted: tuple[str, ...]
    notes: tuple[str, ...]


def convert(values: Values, name: str | None = None, namespace: str | None = None) -> Conversion:
    """Return the Cryostat that corresponds to a release of the chart with these values.

    Args:
        values: the user's values of the chart, without its defaults or with them.
        name: name of the Cryostat; by default the chart's `fullnameOverride`, else `cryostat`.
        namespace: namespace of the Cryostat; by default none, so that `kubectl apply -n` decides.

    Raises:
        ConversionError: a value is not valid for the field that it belongs to.
    """
    context = Context(values, name or str(values.get("fullnameOverride") or "cryostat"))
    findings = [*evaluate("", values, RULES, context), *scheduling(context)]
    spec: dict[str, Any] = {}
    for finding in findings:
        if isinstance(finding, SetField):
            _set(spec, finding.path.split("."), finding.value)
    metadata = {"name": context.name, **({"namespace": namespace} if namespace else {})}
    cryostat = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": metadata, "spec": _plain(spec)}
    try:
        _validate(cryostat)
    except ValidationError as error:
        raise ConversionError("\n".join(validation_problems(error))) from None
    not_converted = sorted(str(finding) for finding in findings if isinstance(finding, NotConverted))
    return Conversion(cryostat, tuple(not_converted), tuple(_changed_defaults(context)))


def _validate(cryostat: dict[str, Any]) -> None:
    """Check a Cryostat, and convert texts to numbers where the API requires a number: the chart accepts both.

    Raises:
        ValidationError: a value is not valid.
    """
    try:
        Cryostat.model_validate(cryostat)
    except ValidationError as error:
        invalid = error.errors()
    else:
        return
    for problem in invalid:
        if problem["type"] == "int_type" and isinstance(problem["input"], str):
            _convert_to_number(cryostat, problem["loc"])
    Cryostat.model_validate(cryostat)


def _convert_to_number(cryostat: dict[str, Any], path: tuple[int | str, ...]) -> None:
    """Replace the text at a path by the number that it contains."""
    *steps, last = path
    place: Any = cryostat
    for step in steps:
        place = place[step]
    place[last] = number_of(place[last])


def _plain(value: Any) -> Any:
    """Return a copy without shared parts, which YAML would show as aliases, and with fractions as text.

    The API has no fractions: a quantity such as 0.5 must be a text.
    """
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return format(Decimal(str(value)), "f") if isinstance(value, float) else value


def _changed_defaults(context: Context) -> list[str]:
    notes = [f"{path}: {consequence}" for path, consequence in _CHANGED_DEFAULTS if context.at(path) is None]
    notes += [note for note in (ingress_note(context),) if note]
    has_login = context.at("authentication.openshift.enabled") or context.at("authentication.basicAuth.enabled")
    return notes if has_login else [*notes, _LOGIN_REQUIRED]


def _set(spec: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        spec = spec.setdefault(step, {})
    spec[path[-1]] = value
