"""How users log in to an OpenShift cluster: the object `Authentication/cluster` of config.openshift.io."""

from __future__ import annotations

from collections.abc import Callable

from ..kube.reflector import Source
from ..plan.model.kinds import Obj, resource_path

GROUP, VERSION, PLURAL, NAME = "config.openshift.io", "v1", "authentications", "cluster"


class AuthenticationStore:
    """The type of authentication. Calls `changed()` when it changes.

    Attributes:
        type: as in `spec.type`; empty means the built-in OAuth server, unless the object does not exist.
        is_missing: whether the object is known not to exist, as on MicroShift. False before the first list, and if the
            list fails, for example because it is forbidden.
    """

    SOURCE = Source(resource_path(GROUP, VERSION, PLURAL))
    PATH = resource_path(GROUP, VERSION, PLURAL, name=NAME)

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._listed: str | None = None
        self.type = ""
        self.is_missing = False

    def begin_list(self) -> None:
        """See `Store`."""
        self._listed = None

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        if obj["metadata"]["name"] == NAME:
            self._listed = authentication_type(obj)
            self._set(self._listed)

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        if obj["metadata"]["name"] == NAME:
            self._set(None)

    def end_list(self) -> None:
        """See `Store`."""
        self._set(self._listed)

    def _set(self, found: str | None) -> None:
        """Set the type; None if the object does not exist."""
        before = self.type, self.is_missing
        self.type, self.is_missing = found or "", found is None
        if before != (self.type, self.is_missing):
            self._changed()


def authentication_type(obj: Obj | None) -> str:
    """Return the type of authentication in an `Authentication`; empty if it is None or has none."""
    return str(((obj or {}).get("spec") or {}).get("type") or "")
