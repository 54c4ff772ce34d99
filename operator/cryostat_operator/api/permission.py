"""A permission that the author of a Cryostat needs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Permission:
    """One permission that the author of a Cryostat needs.

    Attributes:
        verb, group, resource, namespace, name, version, subresource: `resourceAttributes` of a SubjectAccessReview.
        cause: the field of the Cryostat that requires it.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""
    version: str = ""
    subresource: str = ""
    cause: str = field(default="", compare=False)

    @property
    def attributes(self) -> dict[str, str]:
        """The `resourceAttributes` of a SubjectAccessReview."""
        names = ("verb", "group", "resource", "namespace", "name", "version", "subresource")
        return {key: getattr(self, key) for key in names if getattr(self, key)}

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        resource += f".{self.group}" if self.group else ""
        one = f' "{self.name}"' if self.name else ""
        return f'{self.verb} {resource}{one} in namespace "{self.namespace}"'
