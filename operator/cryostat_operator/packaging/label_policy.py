"""A policy that warns about misspelled labels of the agent. Pods with neither label are not sent to the operator."""

from __future__ import annotations

from ..api import constants
from ..plan.injection.label_hints import PREFIX
from ..plan.model.kinds import Obj
from .install_names import NAME
from .policies import policy_and_binding

_POLICY = f"{NAME}-agent-labels"
_LABELS = (constants.AGENT_LABEL_NAME, constants.AGENT_LABEL_NAMESPACE)
_TEMPLATE = "object.spec.template"
_VARIABLES = ("own", "template", "annotations", "templateAnnotations")
# Both labels begin with this text. Another key that begins with it is probably one of them, misspelled; its length
# decides which one the warning suggests.
_BEGINNING = f"{PREFIX}n"
_MIDDLE = sum(map(len, _LABELS)) // 2


def objects() -> list[Obj]:
    """Return the ValidatingAdmissionPolicy and its binding."""
    return policy_and_binding(_POLICY, "Warn", _policy())


def _policy() -> Obj:
    return {
        "failurePolicy": "Ignore",
        "matchConstraints": {
            "objectSelector": {"matchExpressions": [{"key": key, "operator": "DoesNotExist"} for key in _LABELS]},
            "resourceRules": [
                _rule("", ["pods"], ["CREATE"]),
                _rule("apps", ["daemonsets", "deployments", "statefulsets"], ["CREATE", "UPDATE"]),
                _rule("batch", ["jobs"], ["CREATE"]),
            ],
        },
        "variables": [
            {"name": "own", "expression": _keys("object.metadata.labels")},
            {"name": "template", "expression": _keys(f"{_TEMPLATE}.metadata.labels", _TEMPLATE)},
            {"name": "annotations", "expression": _keys("object.metadata.annotations")},
            {"name": "templateAnnotations", "expression": _keys(f"{_TEMPLATE}.metadata.annotations", _TEMPLATE)},
        ],
        "validations": [
            {
                "expression": " + ".join(f"variables.{each}.size()" for each in _VARIABLES)
                + " == 0 || "
                + " && ".join(f"'{key}' in variables.template" for key in _LABELS),
                "messageExpression": _message(),
            }
        ],
    }


def _rule(group: str, resources: list[str], operations: list[str]) -> Obj:
    return {"apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": resources}


def _keys(path: str, *parents: str) -> str:
    """Return an expression for the keys of the agent in a map; an empty list if the map does not exist."""
    exists = " && ".join(f"has({each})" for each in (*parents, path))
    return f"{exists} ? {path}.filter(k, k.startsWith('{PREFIX}')) : []"


def _message() -> str:
    name, namespace = _LABELS
    near = f"k.size() > {_MIDDLE} ? '{namespace}' : '{name}'"
    is_near = f"k.startsWith('{_BEGINNING}') && k != '{name}' && k != '{namespace}'"
    described = f"{is_near} ? k + ' (did you mean ' + ({near}) + '?)' : k"
    labels = "variables.own + variables.template.filter(k, !(k in variables.own))"
    annotations = "(variables.annotations + variables.templateAnnotations).map(k, 'annotation ' + k)"
    text = f"'Cryostat agent: not added: pods need the labels {name} and {namespace}, but have '"
    return f"{text} + (({labels}).map(k, {described}) + {annotations}).join(', ')"
