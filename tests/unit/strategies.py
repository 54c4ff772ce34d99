"""Random Cryostats, generated from the models: every field is absent or has a value that the model accepts."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo

from cryostat_operator.api.base import Embedded, Model
from cryostat_operator.api.v1beta2 import NAME_LIMIT, Cryostat, CryostatSpec

_LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
# Short and long names, with and without dots, and names that exist in a pod.
OBJECT_NAMES = st.one_of(
    _LABEL,
    st.builds(".".join, st.lists(_LABEL, min_size=2, max_size=4)),
    st.sampled_from(
        ["x" * 253, "keystore", "cert-secrets", "agent-proxy-config", "template-a", "a", "storage-tls-secret"]
    ),
)
NAMES = st.one_of(_LABEL, st.sampled_from(["a", "0", "x" * NAME_LIMIT, "a-reports", "cryostat"]))
NAMESPACES = st.one_of(_LABEL, st.sampled_from(["default", "y" * 63]))
_MAPS = st.dictionaries(
    st.sampled_from(["app", "component", "team", "example.com/a", "operator.cryostat.io/name", "kind"]),
    st.sampled_from(["", "a", "no"]),
    max_size=3,
)
_AMOUNTS = st.dictionaries(
    st.sampled_from(["cpu", "memory", "ephemeral-storage"]),
    st.sampled_from(["0", "1", "20m", "1500m", "64Mi", "3Gi", "2G"]),
)
_CONTEXT: st.SearchStrategy[Any] = st.sampled_from([{}, {"runAsUser": 7}, {"runAsNonRoot": True}])
_AFFINITY: st.SearchStrategy[Any] = st.sampled_from([{}, {"requiredDuringSchedulingIgnoredDuringExecution": []}])
_RULES: st.SearchStrategy[Any] = st.sampled_from(
    [
        {"host": "a.example.com"},
        {"host": "*.example.com"},
        {},
        {"host": "b.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {}}]}},
    ]
)
_EMBEDDED: Mapping[str, st.SearchStrategy[Any]] = {
    "ResourceRequirements": st.fixed_dictionaries({}, optional={"requests": _AMOUNTS, "limits": _AMOUNTS}),
    "SecurityContext": _CONTEXT,
    "PodSecurityContext": st.one_of(_CONTEXT, st.just({"fsGroup": 5})),
    "NodeAffinity": st.just({"preferredDuringSchedulingIgnoredDuringExecution": []}),
    "PodAffinity": _AFFINITY,
    "PodAntiAffinity": _AFFINITY,
    "Toleration": st.sampled_from([{"key": "a", "operator": "Exists"}, {}]),
    "PersistentVolumeClaimSpec": st.fixed_dictionaries(
        {},
        optional={
            "storageClassName": st.sampled_from(["", "fast"]),
            "accessModes": st.sampled_from([[], ["ReadWriteMany"]]),
            "resources": st.sampled_from([{}, {"requests": {}}, {"requests": {"storage": "7Gi"}}]),
            "volumeName": st.just("pv"),
        },
    ),
    "IngressSpec": st.fixed_dictionaries(
        {},
        optional={
            "rules": st.lists(_RULES, max_size=2),
            "tls": st.lists(st.just({"hosts": ["a.example.com"]}), max_size=1),
        },
    ),
    "ResourceAttributes": st.sampled_from(
        [{}, {"verb": "get", "resource": "<pods>"}, {"labelSelector": {"rawSelector": "a=b"}}]
    ),
}
_NAMED: Mapping[str, st.SearchStrategy[Any]] = {
    "target_namespaces": st.lists(NAMESPACES, max_size=3),
    "url": st.sampled_from(["https://s3.example.com", "http://s3:9000/x", "HTTPS://S3"]),
    "external_host": st.sampled_from(["cryostat.example.com", ""]),
    "filename": st.sampled_from(["a", "my.file_1", "x" * 100]),
    "certificate_key": st.sampled_from(["ca.crt", "a"]),
    "size_limit": st.sampled_from(["0", "1Gi", "500M", ".5Gi"]),
    "medium": st.sampled_from(["", "Memory"]),
    "replicas": st.integers(0, 5),
}
_TEXT = st.sampled_from(["a", "jfr-jmx", "bucket-1"])


@cache
def _of_model(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Members of a model as JSON, without combinations that the model refuses."""
    fields = {field.alias or name: _of_field(name, field) for name, field in model.model_fields.items()}
    mandatory = {
        key: value
        for (key, value), f in zip(fields.items(), model.model_fields.values(), strict=True)
        if f.is_required()
    }
    optional = {key: value for key, value in fields.items() if key not in mandatory}

    def accepted(value: Any) -> bool:
        try:
            model.model_validate(value)
        except ValidationError:
            return False
        return True

    return st.fixed_dictionaries(mandatory, optional=optional).filter(accepted)


def _of_field(name: str, field: FieldInfo) -> st.SearchStrategy[Any]:
    if name in _NAMED:
        return _NAMED[name]
    if name.endswith(("secret_name", "config_map_name")):
        return OBJECT_NAMES
    found = _embedded(list(field.metadata))
    if found is not None:
        return found
    return _of_type(field.annotation, list(field.metadata))


def _embedded(metadata: list[Any]) -> st.SearchStrategy[Any] | None:
    for marker in metadata:
        if isinstance(marker, Embedded):
            return _EMBEDDED[marker.definition.rsplit(".", 1)[-1]]
    return None


def _of_type(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    found = _embedded(metadata)
    if found is not None:
        return found
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _of_type(arguments[0], [*metadata, *arguments[1:]])
    if origin in (types.UnionType, typing.Union):
        [inner] = [argument for argument in arguments if argument is not type(None)]
        return _of_type(inner, metadata)
    if origin is list:
        return st.lists(_of_type(arguments[0], []), max_size=3)
    if origin is dict:
        return _MAPS
    if origin is Literal:
        return st.sampled_from(arguments)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return _of_model(annotation)
    return _of_scalar(annotation, metadata)


def _of_scalar(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        bounds = {key: getattr(m, key) for m in metadata for key in ("ge", "le") if hasattr(m, key)}
        return st.integers(bounds.get("ge", 0), bounds.get("le", 2**31 - 1))
    assert annotation is str, annotation
    assert not any(isinstance(m, BeforeValidator) for m in metadata)
    return _TEXT


SPECS: st.SearchStrategy[dict[str, Any]] = _of_model(CryostatSpec)


@st.composite
def cryostats(draw: st.DrawFn) -> Cryostat:
    """A Cryostat that the API server accepts."""
    metadata = {"name": draw(NAMES), "namespace": draw(NAMESPACES), "uid": "u", "generation": 1}
    return Cryostat.model_validate({"metadata": metadata, "spec": draw(SPECS)})


def members(model: type[Model]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of any model, as JSON."""
    return _of_model(model)
