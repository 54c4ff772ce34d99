"""Base of all API models: camel-case names, limits, rules across fields, and embedded Kubernetes types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from . import embedded_shapes

DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_SUBDOMAIN = rf"^{DNS_LABEL}(\.{DNS_LABEL})*$"
# A host of which every label can be resolved (at most 63 characters each), or nothing.
DNS_HOST = r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*)?$"
# Kubernetes' quantity without a leading minus.
SIZE = r"^\+?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"

EMBEDDED_KEY = "x-cryostat-embedded"


@dataclass(frozen=True)
class Rule:
    """A constraint across fields, as a CEL expression for the API server and as a predicate for the model."""

    cel: str
    message: str
    holds: Callable[[Any], bool]
    # Immutable fields, such as the name, must not block updates of objects that are older than the rule. An object has
    # no status when it is created, and has one after the first reconcile. (`optionalOldSelf` is not an option: versions
    # of Kubernetes before 1.29 reject a CRD that contains it.)
    only_on_create: bool = False

    def as_schema(self) -> dict[str, Any]:
        """Return one entry of `x-kubernetes-validations`."""
        if self.only_on_create:
            return {"rule": f"has(self.status) || ({self.cel})", "message": self.message}
        return {"rule": self.cel, "message": self.message}


@dataclass(frozen=True)
class Embedded:
    """Marks a plain dict whose schema is the Kubernetes OpenAPI definition `definition`."""

    definition: str

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {EMBEDDED_KEY: self.definition}


class Model(BaseModel):
    """Base of all API models. Immutable; unknown fields are ignored, because the CRD may be newer than the operator."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise ValueError(rule.message)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.as_schema() for rule in cls.rules]
        return schema


def doc(text: str, *, alias: str | None = None, schema: Mapping[str, Any] | None = None) -> Any:
    """Define an optional field; `schema` is added to the CRD and not checked by the model."""
    return Field(default=None, alias=alias, description=text, json_schema_extra=dict(schema or {}))


def required(text: str, *, schema: Mapping[str, Any] | None = None) -> Any:
    """Define a required field; `schema` is added to the CRD and not checked by the model."""
    return Field(description=text, json_schema_extra=dict(schema or {}))


def _int32(value: int) -> int:
    if not -(2**31) <= value < 2**31:
        raise ValueError("must be a 32-bit integer")
    return value


def _empty_is_absent(value: Any) -> Any:
    return None if value in ("", {}) else value


Bool = StrictBool
Text = StrictStr
# The application reads its configuration with Quarkus, which expands `${OTHER}` in each value, also to a password.
Unexpanded = Annotated[StrictStr, Field(pattern=r"^[^$]*$")]
_FORMAT = Field(json_schema_extra={"format": "int32"})
_RANGE = AfterValidator(_int32)
Int32 = Annotated[StrictInt, _FORMAT, _RANGE]
FromMinusOne = Annotated[StrictInt, Field(ge=-1), _FORMAT, _RANGE]
FromOne = Annotated[StrictInt, Field(ge=1), _FORMAT, _RANGE]
Port = Annotated[StrictInt, Field(ge=1, le=65535), _FORMAT]
ObjectName = Annotated[StrictStr, Field(max_length=253, pattern=DNS_SUBDOMAIN)]
NamespaceName = Annotated[StrictStr, Field(max_length=63, pattern=f"^{DNS_LABEL}$")]
DataKey = Annotated[StrictStr, Field(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
StringMap = dict[StrictStr, StrictStr]
# In this API, an empty string or object means the field is absent.
EmptyIsAbsent = BeforeValidator(_empty_is_absent)

ResourceRequirements = Annotated[
    dict[str, Any],
    AfterValidator(embedded_shapes.validator(embedded_shapes.RESOURCES)),
    Embedded("io.k8s.api.core.v1.ResourceRequirements"),
]
SecurityContext = Annotated[dict[str, Any], Embedded("io.k8s.api.core.v1.SecurityContext")]
PodSecurityContext = Annotated[dict[str, Any], Embedded("io.k8s.api.core.v1.PodSecurityContext")]
NodeAffinity = Annotated[dict[str, Any], Embedded("io.k8s.api.core.v1.NodeAffinity")]
PodAffinity = Annotated[dict[str, Any], Embedded("io.k8s.api.core.v1.PodAffinity")]
PodAntiAffinity = Annotated[dict[str, Any], Embedded("io.k8s.api.core.v1.PodAntiAffinity")]
Toleration = Annotated[dict[str, Any], Embedded("io.k8s.api.core.v1.Toleration")]
PersistentVolumeClaimSpec = Annotated[
    dict[str, Any],
    AfterValidator(embedded_shapes.validator(embedded_shapes.CLAIM)),
    Embedded("io.k8s.api.core.v1.PersistentVolumeClaimSpec"),
]
IngressSpec = Annotated[
    dict[str, Any],
    AfterValidator(embedded_shapes.validator(embedded_shapes.INGRESS)),
    Embedded("io.k8s.api.networking.v1.IngressSpec"),
]
ResourceAttributes = Annotated[dict[str, Any], Embedded("io.k8s.api.authorization.v1.ResourceAttributes")]
