"""The data volumes of database and object storage: a claim that only ever grows, or an emptyDir."""

from __future__ import annotations

from typing import Any, Literal

from ..api.v1beta2 import EmptyDirConfig, StorageConfiguration
from . import k8s, names, workload
from .instance import Instance
from .plan import Obj, Problem

Component = Literal["database", "storage"]
_COMPONENTS: tuple[Component, ...] = ("database", "storage")


def claim_name(i: Instance, component: Component) -> str:
    return f"{i.name}-{component}"


def uses_claim(i: Instance, component: Component) -> bool:
    """Whether the data lives in a claim.

    Also where an emptyDir is asked for, as long as a claim exists whose data nobody has given up: the switch would
    silently start with nothing.
    """
    return not _empty_dir_wanted(i, component) or data_at_risk(i, component) is not None


def data_at_risk(i: Instance, component: Component) -> Problem | None:
    """The problem of a switch from an existing claim to an emptyDir that is not confirmed."""
    if not _empty_dir_wanted(i, component) or not i.live("PersistentVolumeClaim", claim_name(i, component)):
        return None
    if i.annotations.get(names.ANNOTATION_ALLOW_DATA_LOSS) == "true":
        return None
    return Problem(
        component,
        "DataLossConfirmationRequired",
        f"An emptyDir is asked for, but PersistentVolumeClaim {claim_name(i, component)} holds data and stays in use. "
        f'Annotate the Cryostat with {names.ANNOTATION_ALLOW_DATA_LOSS}: "true" to start over without the data, '
        "or take the emptyDir back.",
    )


def lost(i: Instance, component: Component) -> Problem | None:
    """The problem of a claim whose volume was deleted."""
    live = i.live("PersistentVolumeClaim", claim_name(i, component))
    if live is None or (live.get("status") or {}).get("phase") != "Lost" or not uses_claim(i, component):
        return None
    name, gone = claim_name(i, component), live["spec"].get("volumeName")
    message = f"PersistentVolumeClaim {name} has lost its PersistentVolume {gone}, and with it perhaps the data. "
    return Problem(component, "VolumeLost", f"{message}Restore the volume, or delete the claim to start over.")


def volume(i: Instance, component: Component) -> Obj:
    """The pod's volume; it has the same name as the claim."""
    name = claim_name(i, component)
    if uses_claim(i, component):
        return {"name": name, "persistentVolumeClaim": {"claimName": name}}
    wanted = _config(i, component).empty_dir or EmptyDirConfig()
    source: Obj = {"sizeLimit": wanted.size_limit or "0"}
    if wanted.medium:
        source["medium"] = wanted.medium
    return {"name": name, "emptyDir": source}


def claim(i: Instance, component: Component, default_size: str) -> Obj | None:
    """The claim, or None where an emptyDir is used.

    Nothing but the request of an existing claim can change, and that only upwards: it may have been enlarged by others.
    """
    if not uses_claim(i, component):
        return None
    config, name = _config(i, component).pvc, claim_name(i, component)
    labels = dict((config.labels if config else None) or {}) | {"app": i.name}
    obj = k8s.annotate(k8s.owned(i, "PersistentVolumeClaim", name, labels), config.annotations if config else None)
    wanted = _wanted_spec((config.spec if config else None) or {}, default_size)
    live = i.live("PersistentVolumeClaim", name)
    return obj | {"spec": _grown(live["spec"], wanted) if live else wanted}


def notices(i: Instance) -> tuple[Problem, ...]:
    """Changes of claims that exist and that come too late: nothing but their size can change."""
    return tuple(found for component in _COMPONENTS if (found := _too_late(i, component)))


def _too_late(i: Instance, component: Component) -> Problem | None:
    pvc, live = _config(i, component).pvc, i.live("PersistentVolumeClaim", claim_name(i, component))
    if live is None or not pvc or not uses_claim(i, component):
        return None
    given = {key: value for key, value in (pvc.spec or {}).items() if key != "resources" and value}
    late = ", ".join(sorted(key for key, value in given.items() if live["spec"].get(key) != value))
    message = f"PersistentVolumeClaim {claim_name(i, component)} exists, and cannot be given another {late}."
    return Problem(component, "ClaimUnchangeable", message) if late else None


def _wanted_spec(given: dict[str, Any], default_size: str) -> dict[str, Any]:
    resources = dict(given.get("resources") or {})
    resources["requests"] = {"storage": default_size, **(resources.get("requests") or {})}
    access_modes = given.get("accessModes") or ["ReadWriteOnce"]
    return {**given, "accessModes": access_modes, "resources": resources}


def _grown(live: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    resources = dict(live.get("resources") or {})
    requests = dict(resources.get("requests") or {})
    size, have = wanted["resources"]["requests"]["storage"], requests.get("storage")
    if have is None or k8s.less(have, size):
        requests["storage"] = size
    return {**live, "resources": {**resources, "requests": requests}}


def _empty_dir_wanted(i: Instance, component: Component) -> bool:
    config = _config(i, component).empty_dir
    return bool(config and config.enabled)


def _config(i: Instance, component: Component) -> StorageConfiguration:
    """The component's own configuration, even an empty one, else the deprecated one for both."""
    options = i.spec.storage_options
    if options is None:
        return StorageConfiguration()
    own = options.database if component == "database" else options.object_storage
    return own if own is not None else StorageConfiguration(pvc=options.pvc, empty_dir=options.empty_dir)


def deployment(i: Instance, part: Component, tls_volume: str, container: Obj) -> Obj:
    """A component that keeps data: one pod at a time, without access to the API server, on a volume of its own."""
    security = i.spec.security_options
    tls = {"secretName": f"{i.name}-{part}-tls", "defaultMode": k8s.READ_ONLY_MODE}
    return workload.deployment(
        i,
        part,
        {
            "replicas": 1,
            "strategy": workload.RECREATE,
            "pod": {
                "automountServiceAccountToken": False,
                "containers": [container],
                "securityContext": k8s.pod_security_context(i, security.pod_security_context if security else None),
                **workload.scheduling(i.spec.scheduling_options),
                "volumes": [volume(i, part), *([{"name": tls_volume, "secret": tls}] if i.tls else [])],
            },
        },
    )
