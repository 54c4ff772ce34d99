"""The quick starts and YAML samples as objects of the OpenShift console."""

from __future__ import annotations

from importlib import resources
from typing import Any, NamedTuple

import yaml

from ..api import constants
from ..plan.model.kinds import Obj

API_VERSION = "console.openshift.io/v1"
GROUP = API_VERSION.partition("/")[0]
LABEL, OPERATOR = "app.kubernetes.io/name", "cryostat-operator"
"""Label of all objects that belong to the operator itself; objects without it are never changed."""

QUICK_START, YAML_SAMPLE = "ConsoleQuickStart", "ConsoleYAMLSample"
PLURALS = {QUICK_START: "consolequickstarts", YAML_SAMPLE: "consoleyamlsamples"}


class _Sample(NamedTuple):
    """File in `samples/`, and what the sidebar of the YAML editor shows."""

    file: str
    title: str
    description: str


_SAMPLES = (
    _Sample("cryostat-sample", "Minimal instance", "Cryostat with default settings. Users log in with their accounts."),
    _Sample("multi-namespace", "Several namespaces", "Cryostat for applications in other namespaces than its own."),
    _Sample("openshift-external-host", "Route with a given host", "Cryostat at a host name that you choose."),
    _Sample("external-s3", "External object storage", "Cryostat that stores recordings in an S3 service."),
)
_QUICK_STARTS = ("first-instance", "attach-agent")


def objects(name_prefix: str) -> list[Obj]:
    """Return all quick starts and samples, without owner references.

    Args:
        name_prefix: prefix of the names of cluster-scoped objects, see `Settings.name_prefix`.
    """
    quick_starts = [_object(QUICK_START, name_prefix + name, _quick_start(name)) for name in _QUICK_STARTS]
    samples = [_object(YAML_SAMPLE, name_prefix + each.file, _sample(each)) for each in _SAMPLES]
    return [*quick_starts, *samples]


def _object(kind: str, name: str, spec: Obj) -> Obj:
    metadata = {"name": name, "labels": {LABEL: OPERATOR, "app.kubernetes.io/part-of": "cryostat"}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _quick_start(name: str) -> Any:
    return yaml.safe_load(_read(f"quick_starts/{name}.yaml"))


def _sample(sample: _Sample) -> Obj:
    return {
        "targetResource": {"apiVersion": constants.API_VERSION, "kind": constants.KIND},
        "title": sample.title,
        "description": sample.description,
        "yaml": _read(f"samples/{sample.file}.yaml"),
    }


def _read(path: str) -> str:
    return resources.files(__package__).joinpath(path).read_text(encoding="utf-8")
