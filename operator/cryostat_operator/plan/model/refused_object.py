"""The facts about a refused object that its remedy depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RefusedObject:
    """An object that was refused, or whose pods were.

    Attributes:
        namespace: its namespace.
        resources: field of the spec with the resources of its containers, or with the size of a claim.
        security: field of the spec with the security contexts of its pods.
        has_security: whether that field is set.
        scheduling: field of the spec with the node selector of its pods.
        account: name of the ServiceAccount of its pods.
        containers: by name of a container, the field of the spec with its resources.
        amounts: by field of the spec with the resources of a container, the amounts that it has.
        is_deletion: whether its deletion was refused: no change of the spec helps then.
    """

    namespace: str
    resources: str = ""
    security: str = "spec.securityOptions"
    has_security: bool = False
    scheduling: str = "spec.schedulingOptions"
    account: str = "default"
    containers: Mapping[str, str] = field(default_factory=dict)
    amounts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_deletion: bool = False
