"""How users log in to an OpenShift cluster: the object `Authentication/cluster` of config.openshift.io."""

from __future__ import annotations

from collections.abc import Callable

from ..kube.reflector import Source
from ..plan.model.kinds import Obj, resource_path

GROUP, VERSION, PLURAL, NAME = "config.openshift.io", "v1", "authentications", "cluster"


class AuthenticationStore:
    """The type of authentication. Calls `changed()` when it changes.

    Attributes:
        type: as in `spec.type`; empty means the built-in OAuth server, also where the object does not exist.
    """

    SOURCE = Source(resource_path(GROUP, VERSION, PLURAL))
    PATH = resource_path(GROUP, VERSION, PLURAL, name=NAME)

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._listed = ""
        self.type = ""

    def begin_list(self) -> None:
        """See `Store`."""
        self._listed = ""

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        if obj["metadata"]["name"] == NAME:
            self._listed = authentication_type(obj)
            self._set(self._listed)

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        if obj["metadata"]["name"] == NAME:
            self._set("")

    def end_list(self) -> None:
        """See `Store`."""
        self._set(self._listed)

    def _set(self, found: str) -> None:
        before, self.type = self.type, found
        if before != found:
            self._changed()


def authentication_type(obj: Obj | None) -> str:
    """The type of authentication in an `Authentication`; empty if it is None or has none."""
    return str(((obj or {}).get("spec") or {}).get("type") or "")
