"""The IngressClasses of the cluster: the controller of each, and the default one."""

from __future__ import annotations

from collections.abc import Callable

from ..kube.reflector import Source
from ..plan.model.kinds import Obj, resource_path
from ..plan.model.snapshot import IngressClasses

GROUP, VERSION, PLURAL = "networking.k8s.io", "v1", "ingressclasses"
DEFAULT_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"


class IngressClassStore:
    """All IngressClasses. Calls `changed()` when the result of `snapshot` differs from the one before."""

    PATH = resource_path(GROUP, VERSION, PLURAL)
    SOURCE = Source(PATH, may_be_forbidden=True)

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._objects: dict[str, Obj] = {}
        self._listed: dict[str, Obj] = {}
        self._is_listing = False
        self._snapshot: IngressClasses | None = None

    def snapshot(self) -> IngressClasses | None:
        """Return the IngressClasses; None while they are not known."""
        return self._snapshot

    def begin_list(self) -> None:
        """See `Store`."""
        self._listed, self._is_listing = {}, True

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        target = self._listed if self._is_listing else self._objects
        target[obj["metadata"]["name"]] = _trim(obj)
        self._update()

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        self._objects.pop(obj["metadata"]["name"], None)
        self._update()

    def end_list(self) -> None:
        """See `Store`."""
        self._objects, self._is_listing = self._listed, False
        self._update()

    def _update(self) -> None:
        if self._is_listing:
            return
        before, self._snapshot = self._snapshot, ingress_classes(list(self._objects.values()))
        if before != self._snapshot:
            self._changed()


def ingress_classes(objects: list[Obj]) -> IngressClasses:
    """Return the controllers of IngressClasses, and the class that the API server sets by default.

    Of several default classes, the API server uses the newest, then the first by name (the admission plugin
    `DefaultIngressClass`).
    """
    controllers = {obj["metadata"]["name"]: str((obj.get("spec") or {}).get("controller") or "") for obj in objects}
    defaults = sorted((obj["metadata"] for obj in objects if _is_default(obj)), key=lambda each: str(each["name"]))
    newest_first = sorted(defaults, key=lambda each: str(each.get("creationTimestamp") or ""), reverse=True)
    return IngressClasses(controllers, newest_first[0]["name"] if newest_first else "")


def _is_default(obj: Obj) -> bool:
    return (obj["metadata"].get("annotations") or {}).get(DEFAULT_ANNOTATION) == "true"


def _trim(obj: Obj) -> Obj:
    """Return only what `ingress_classes` reads."""
    metadata = obj["metadata"]
    default = {DEFAULT_ANNOTATION: "true"} if _is_default(obj) else {}
    return {
        "metadata": {
            "name": metadata["name"],
            "creationTimestamp": metadata.get("creationTimestamp"),
            "annotations": default,
        },
        "spec": {"controller": (obj.get("spec") or {}).get("controller")},
    }
