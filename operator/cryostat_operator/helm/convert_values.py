"""From values of the chart to a Cryostat, and what is lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ..api.v1beta2 import GROUP, KIND, VERSION, Cryostat
from .group_rules import scheduling
from .rule_table import RULES
from .rule_types import Context, Set, Values, Warn, judged

_UNSAID = (("db.pvc.enabled", "500Mi for the database"), ("storage.pvc.enabled", "32Gi for the object storage"))
_NO_LOGIN = (
    "no login was asked for, which in the chart lets everybody in: the operator generates one and names its Secret in "
    "status.basicAuthSecret; on OpenShift, accounts of the cluster log in"
)


class ConversionError(ValueError):
    """What came of the values is no valid Cryostat; the message has a line for each field."""


@dataclass(frozen=True)
class Conversion:
    """A Cryostat in the shape of its JSON.

    Attributes:
        lost: a line for each value that it does not carry, with what to do about it.
        notes: a line for each thing that the chart does unasked and the operator does otherwise.
    """

    cryostat: dict[str, Any]
    lost: tuple[str, ...]
    notes: tuple[str, ...]


def convert(values: Values, name: str | None = None, namespace: str | None = None) -> Conversion:
    """The Cryostat that comes nearest to a release of the chart with these values.

    `name` is by default the chart's `fullnameOverride`, or `cryostat`.

    Raises:
        ConversionError: a value is of no use for the field that it belongs to.
    """
    context = Context(values, name or str(values.get("fullnameOverride") or "cryostat"))
    findings = [*judged("", values, RULES, context), *scheduling(context)]
    spec: dict[str, Any] = {}
    for each in findings:
        if isinstance(each, Set):
            _put(spec, each.path.split("."), each.value)
    metadata = {"name": context.name, **({"namespace": namespace} if namespace else {})}
    cryostat = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": metadata, "spec": spec}
    try:
        Cryostat.model_validate(cryostat)
    except ValidationError as error:
        raise ConversionError("\n".join(_lines(error))) from None
    lost = sorted(str(each) for each in findings if isinstance(each, Warn))
    return Conversion(cryostat, tuple(lost), tuple(_unsaid(context)))


def _unsaid(context: Context) -> list[str]:
    claims = [(path, size) for path, size in _UNSAID if context.at(path) is None]
    found = [f"{path}: a claim of {size} is made, where the chart keeps data in an emptyDir" for path, size in claims]
    login = context.at("authentication.openshift.enabled") or context.at("authentication.basicAuth.enabled")
    return found if login else [*found, f"authentication: {_NO_LOGIN}"]


def _put(spec: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        spec = spec.setdefault(step, {})
    spec[path[-1]] = value


def _lines(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
