"""What to do about the failure that an event of a pod or a claim reports.

The text of the event decides. The known texts are from k8s.io/kubernetes: pkg/kubelet, pkg/volume and
pkg/controller/volume. A user can write a false event: the remedy in the message is then wrong, and nothing else is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..model.kinds import Obj
from ..model.problems import ReportedEvent
from . import missing_references
from .object_events import PULLING

_DRIVER = re.compile(r"driver name (?P<name>[a-z0-9][a-z0-9.-]{0,62}) not found in the list of registered CSI drivers")
_OTHER_DRIVER = re.compile(r"CSINode \S+ does not contain driver (?P<name>[a-z0-9][a-z0-9.-]{0,62})")
_VOLUME = re.compile(r"^(MountVolume|AttachVolume|MapVolume)\.\w+ failed for volume '(?P<name>pvc-[a-z0-9-]{1,60})'")
_ACCESS_MODE = re.compile(r"(?i)access ?modes?\b|volume capabilit")
_NETWORK = re.compile(r"(?i)network plugin|\bcni\b|set ?up network|network is not ready")
_NO_SPACE = re.compile(r"(?i)no space left on device")
_NO_CLASS = re.compile(r"storageclass\.storage\.k8s\.io '(?P<name>[a-z0-9.-]{1,253})' not found")
_NO_DEFAULT = re.compile(r"no persistent volumes available for this claim and no storage class is set")
_PROVISIONER = re.compile(r"external provisioner '(?P<name>[a-z0-9][a-z0-9./-]{0,100})'")


def remedy_for_pod(pod: Obj, event: ReportedEvent) -> str:
    """Return what to do about a pod whose container is not created."""
    text, node = event.text, (pod.get("spec") or {}).get("nodeName", "")
    if event.reason == PULLING:
        return f"Wait, or check the connection of node {node} to the registry"
    if missing := missing_references.remedy_for(pod, text, is_own_container=True):
        return missing
    if "Multi-Attach error" in text:
        return (
            "Delete the other pod that uses the volume; if its node does not answer, delete this node: "
            "the volume is detached from it then"
        )
    if driver := _DRIVER.search(text) or _OTHER_DRIVER.search(text):
        return f"Install CSI driver {driver['name']} on node {node}, or repair its pod on this node"
    if _NO_SPACE.search(text):
        return f"Free disk space on node {node}"
    if _NETWORK.search(text):
        return f"Repair the network plugin of node {node}"
    if "persistentvolumeclaim" in text:
        return "The operator creates the claim again when it no longer exists; see VolumesReady"
    if volume := _VOLUME.search(text):
        return f"Repair PersistentVolume {volume['name']} or the storage behind it; the kubelet tries again by itself"
    return "Remove this cause; the kubelet tries again by itself"


class ClaimFacts(NamedTuple):
    """What the remedy for a claim that is not bound depends on.

    Attributes:
        storage_class: `spec.storageClassName` of the claim; None if it has none, empty for volumes without a class.
        field: the field of the Cryostat with the name of the class.
        default_remedy: what to do if the event does not say it.
    """

    storage_class: str | None
    field: str
    default_remedy: str


def cause_of_claim(event: ReportedEvent, claim: ClaimFacts) -> tuple[str, str]:
    """Return why a claim is not bound, with the event, and what to do."""
    other_class = f"for another StorageClass set {claim.field} and delete the claim"
    missing = _NO_CLASS.search(event.text)
    if missing and missing["name"] == claim.storage_class:
        cause = f"StorageClass {claim.storage_class} does not exist ({event.source})"
        return cause, f"Create it, or set {claim.field} to another one and delete the claim"
    if _NO_DEFAULT.search(event.text) and claim.storage_class is None:
        cause = f"no PersistentVolume fits it, and the cluster has no default StorageClass ({event.source})"
        return cause, f"Make a StorageClass the default, or set {claim.field} and delete the claim"
    if _NO_DEFAULT.search(event.text) and claim.storage_class == "":
        return f"no PersistentVolume without a class fits it ({event.source})", claim.default_remedy
    if provisioner := _PROVISIONER.search(event.text):
        cause = f"provisioner {provisioner['name']} has not created a volume for it ({event.source})"
        return cause, f"Check that the pods of this provisioner run; {other_class}"
    cause = f"no volume was created for it ({event.quote})"
    if _ACCESS_MODE.search(event.text):
        modes = f"{claim.field.removesuffix('.storageClassName')}.accessModes"
        return cause, f"Set {modes} to modes that its StorageClass supports, and delete the claim; {other_class}"
    return cause, f"Remove this cause; {other_class}"
