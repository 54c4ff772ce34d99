"""The data volumes of database and object storage: a PersistentVolumeClaim that only grows, or an emptyDir."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..api import constants
from ..api.storage_options import EmptyDirConfig, StorageConfiguration
from . import builders, workloads
from .instance import Instance
from .model.kinds import Key, Obj
from .model.managed_fields import other_managers
from .model.messages import message
from .model.problems import Problem
from .model.reasons import Reason
from .quantities import is_less

Component = Literal["database", "storage"]
COMPONENTS: tuple[Component, ...] = ("database", "storage")  # that have a volume

VOLUME_FIELDS: Mapping[str, str] = {
    "database": "spec.storageOptions.database",
    "storage": "spec.storageOptions.objectStorage",
}
"""Component label → the field of the Cryostat with the volume of the component."""
_SIZE = "spec.resources.requests.storage"


def claim_name(instance: Instance, component: Component) -> str:
    return f"{instance.name}-{component}"


def live_claim(instance: Instance, component: Component) -> Obj | None:
    """Return the claim as last observed, whether the spec uses it or not."""
    return instance.live("PersistentVolumeClaim", claim_name(instance, component))


def phase(claim: Obj | None) -> str:
    """Return the state of a claim: `Pending` until it is bound, then `Bound`, or `Lost` if its volume was deleted."""
    return ((claim or {}).get("status") or {}).get("phase") or "Pending"


def names_in_use(instance: Instance) -> list[str]:
    """Return the claims that the instance uses: at most those of database and managed storage."""
    components: tuple[Component, ...] = ("database",) if instance.external_storage else COMPONENTS
    return [claim_name(instance, component) for component in components if uses_claim(instance, component)]


def uses_claim(instance: Instance, component: Component) -> bool:
    """Return whether the data is in a claim.

    This is also the case if the spec requests an emptyDir, while a claim exists and the loss of its data was not
    confirmed: the component would start without data.
    """
    return not _requests_empty_dir(instance, component) or data_at_risk(instance, component) is not None


def data_at_risk(instance: Instance, component: Component) -> Problem | None:
    """Return the problem of an emptyDir in the spec while a claim exists, unless the loss of data was confirmed."""
    if not _requests_empty_dir(instance, component) or live_claim(instance, component) is None:
        return None
    if instance.annotations.get(constants.ANNOTATION_ALLOW_DATA_LOSS) == "true":
        return None
    return Problem(
        component,
        Reason.DATA_LOSS_CONFIRMATION_REQUIRED,
        message(
            f"PersistentVolumeClaim {claim_name(instance, component)}",
            "stays in use",
            cause="the spec replaces it by an emptyDir, and it has data",
            remedy=f'Set the annotation {constants.ANNOTATION_ALLOW_DATA_LOSS}: "true" on the Cryostat to start over '
            "without the data, or remove the emptyDir from the spec",
        ),
    )


def lost(instance: Instance, component: Component) -> Problem | None:
    """Return the problem of a claim whose volume was deleted."""
    live = live_claim(instance, component)
    if live is None or phase(live) != "Lost" or not uses_claim(instance, component):
        return None
    name, volume_name = claim_name(instance, component), live["spec"].get("volumeName") or "of the claim"
    text = message(
        f"PersistentVolumeClaim {name}",
        "has lost its volume",
        cause=f"PersistentVolume {volume_name} does not exist",
        remedy="Restore the volume, or delete the claim to start over without the data",
    )
    return Problem(component, Reason.VOLUME_LOST, text)


def being_deleted(instance: Instance, component: Component) -> Problem | None:
    """Return the problem of a claim that a client deleted while its pod runs. The data is kept until the pod ends."""
    live, name = live_claim(instance, component), claim_name(instance, component)
    if live is None or "deletionTimestamp" not in live["metadata"] or not uses_claim(instance, component):
        return None
    volume_name = (live.get("spec") or {}).get("volumeName")
    kept = f"set persistentVolumeReclaimPolicy of PersistentVolume {volume_name} to Retain now" if volume_name else ""
    text = message(
        f"PersistentVolumeClaim {name}",
        "is being deleted",
        cause=f"its data is deleted when the pod of Deployment {name} ends",
        consequence="Until then, the operator does not change this Deployment",
        remedy=f"To keep the data, {kept or 'make a backup now'}; to start over without it, delete the pod",
    )
    key = Key("PersistentVolumeClaim", instance.namespace, name)
    return Problem(component, Reason.VOLUME_BEING_DELETED, text, dedup_key=str(key))


def volume(instance: Instance, component: Component) -> Obj:
    """Return the pod's volume; it has the same name as the claim."""
    name = claim_name(instance, component)
    if uses_claim(instance, component):
        return {"name": name, "persistentVolumeClaim": {"claimName": name}}
    config = _config(instance, component).empty_dir or EmptyDirConfig()
    source: Obj = {"sizeLimit": config.size_limit or "0"}
    if config.medium:
        source["medium"] = config.medium
    return {"name": name, "emptyDir": source}


def claim(instance: Instance, component: Component, default_size: str) -> Obj | None:
    """Return the claim, or None if an emptyDir is used.

    Only the requested size of an existing claim can change, and it can only grow. Other clients may have enlarged it.
    """
    if not uses_claim(instance, component):
        return None
    config, name = _config(instance, component).pvc, claim_name(instance, component)
    labels = dict((config.labels if config else None) or {}) | {"app": instance.name}
    obj = builders.annotate(
        builders.owned(instance, "PersistentVolumeClaim", name, labels), config.annotations if config else None
    )
    requested = _requested_spec((config.spec if config else None) or {}, default_size)
    live = live_claim(instance, component)
    return obj | {"spec": grown_spec(live["spec"], requested) if live else requested}


def unchangeable(instance: Instance, component: Component) -> Problem | None:
    """Return a warning if the spec requests a change that an existing claim does not allow: all but a larger size."""
    name = claim_name(instance, component)
    pvc, live = _config(instance, component).pvc, live_claim(instance, component)
    if live is None or not pvc or not uses_claim(instance, component):
        return None
    custom = {key: value for key, value in (pvc.spec or {}).items() if key != "resources" and value}
    changed = ", ".join(sorted(key for key, value in custom.items() if live["spec"].get(key) != value))
    messages = [_unchangeable_fields(name, changed)] if changed else []
    messages += _smaller(instance, component, live)
    return Problem(component, Reason.CLAIM_UNCHANGEABLE, " ".join(messages)) if messages else None


def _unchangeable_fields(name: str, fields: str) -> str:
    return message(
        f"PersistentVolumeClaim {name}",
        "exists",
        cause=f"its {fields} cannot be changed",
        remedy="Undo the change of spec.storageOptions, or delete the claim to start over without the data",
    )


def _smaller(instance: Instance, component: Component, live: Obj) -> list[str]:
    """A sentence if the spec requests a smaller size, unless another client enlarged the claim."""
    config = _config(instance, component).pvc
    size = requested_size(config.spec if config else None)
    current = requested_size(live["spec"])
    if size is None or current is None or not is_less(size, current) or other_managers(live, _SIZE):
        return []
    return [
        f"PersistentVolumeClaim {claim_name(instance, component)} cannot shrink from {current} to {size}; "
        f"set {pvc_field(instance, component)}.{_SIZE} to {current} or more."
    ]


def pvc_field(instance: Instance, component: Component) -> str:
    """Return the field of the Cryostat with the claim: the deprecated one for both components if only this is set."""
    options = instance.spec.storage_options
    own = options and (options.database if component == "database" else options.object_storage)
    is_deprecated = options is not None and options.pvc is not None and own is None
    return f"{'spec.storageOptions' if is_deprecated else VOLUME_FIELDS[component]}.pvc"


def requested_size(spec: dict[str, Any] | None) -> Any:
    """Return the size that the spec of a claim requests; None if it requests none."""
    return (((spec or {}).get("resources") or {}).get("requests") or {}).get("storage")


def _requested_spec(custom: dict[str, Any], default_size: str) -> dict[str, Any]:
    resources = dict(custom.get("resources") or {})
    resources["requests"] = {"storage": default_size, **(resources.get("requests") or {})}
    access_modes = custom.get("accessModes") or ["ReadWriteOnce"]
    return {**custom, "accessModes": access_modes, "resources": resources}


def grown_spec(live: dict[str, Any], requested: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of a live claim with the requested size if that is larger; no other field can change."""
    resources = dict(live.get("resources") or {})
    requests = dict(resources.get("requests") or {})
    size, current = requested["resources"]["requests"]["storage"], requests.get("storage")
    if current is None or is_less(current, size):
        requests["storage"] = size
    return {**live, "resources": {**resources, "requests": requests}}


def _requests_empty_dir(instance: Instance, component: Component) -> bool:
    config = _config(instance, component).empty_dir
    return bool(config and config.enabled)


def _config(instance: Instance, component: Component) -> StorageConfiguration:
    """The configuration of the component, even an empty one, otherwise the deprecated one for both components."""
    options = instance.spec.storage_options
    if options is None:
        return StorageConfiguration()
    own = options.database if component == "database" else options.object_storage
    return own if own is not None else StorageConfiguration(pvc=options.pvc, empty_dir=options.empty_dir)


def deployment(instance: Instance, component: Component, tls_volume: str, container: Obj) -> Obj:
    """Return the Deployment of a component with data: one pod at a time, with a volume, without access to the API."""
    security = instance.spec.security_options
    tls = {"secretName": f"{instance.name}-{component}-tls", "defaultMode": builders.READ_ONLY_MODE}
    return workloads.deployment(
        instance,
        component,
        {
            "replicas": 1,
            "strategy": workloads.RECREATE,
            "pod": {
                "automountServiceAccountToken": False,
                "containers": [container],
                "securityContext": builders.pod_security_context(
                    instance, security.pod_security_context if security else None
                ),
                **workloads.scheduling(instance.spec.scheduling_options),
                "volumes": [
                    volume(instance, component),
                    *([{"name": tls_volume, "secret": tls}] if instance.tls else []),
                ],
            },
        },
    )
