"""Computes the writes that bring the live objects of an instance to the desired state.

There are none when both are in sync. Updates replace the whole object (PUT), because only that also removes additions
such as a sidecar, an extra key or an extra port. Defaults of the API server are recognized and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from ...api import constants
from ..model import names
from ..model.certificates import CertificateInfo
from ..model.desired_state import Plan
from ..model.kinds import KINDS, PARTIAL, Key, Obj
from ..model.messages import counted
from ..model.problems import Problem
from ..model.reasons import Reason
from ..model.requests import CertificateRequest, CopyRequest, Request
from ..model.snapshot import Snapshot
from ..pod_references import pod_references
from ..tls import checks
from .comparison import at, differences
from .merging import merge
from .pruning import is_kept_by_cert_manager, is_prunable

Verb = Literal["create", "replace", "recreate", "delete"]


@dataclass(frozen=True)
class Change:
    """One write.

    Attributes:
        verb: `recreate` only deletes the object; the run that its DELETED event enqueues creates it.
        obj: what to write; None for deletions.
        request: the content that a Secret must have; None if its data stays as it is.
        uid: of the object to delete.
        component: name of the component that the object belongs to.
        live: the object as last observed; None if it does not exist.
        paths: dotted paths at which the live object differs from the desired one.
        event: what to record once the change is applied.
    """

    verb: Verb
    key: Key
    obj: Obj | None = None
    request: Request | None = None
    uid: str = ""
    component: str = "core"
    live: Obj | None = None
    paths: tuple[str, ...] = ()
    event: Problem | None = None


@dataclass(frozen=True)
class Diff:
    """The result of `diff`.

    Attributes:
        plan: the desired state.
        snapshot: the live objects.
        changes: all writes that lead to the desired state.
    """

    plan: Plan
    snapshot: Snapshot
    changes: tuple[Change, ...]

    @cached_property
    def ready(self) -> tuple[Change, ...]:
        """The changes that can be made now.

        An object follows the objects that it uses by name: a pod must not start with the ConfigMap, ServiceAccount or
        volume of another application that has the same name, nor a binding or Route refer to another ServiceAccount or
        Service. A copy of a Secret follows its source.
        """
        written = {change.key for change in self.changes}
        return tuple(change for change in self.changes if self._is_ready(change, written))

    @cached_property
    def in_sync(self) -> dict[Key, bytes]:
        """Spec hashes of the desired objects that equal their live object and were not known to do so."""
        changed = {change.key for change in self.changes}
        live = self.snapshot.live
        compared = [key for key in self.plan.objects if key in live and key not in changed]
        unknown = [key for key in compared if not is_in_sync(self.plan, self.snapshot, key)]
        return {key: self.plan.spec_hashes[key] for key in unknown if not _is_deleting(live[key])}

    @cached_property
    def problems(self) -> list[Problem]:
        """One problem for each desired object whose live object is being deleted."""
        live, desired = self.snapshot.live, self.plan.objects
        deleted = {key for key in desired if key in live and _is_deleting(live[key])}
        reported = {problem.dedup_key for problem in self.plan.problems}
        deleted = {key for key in deleted if not is_in_sync(self.plan, self.snapshot, key) and str(key) not in reported}
        return [self._being_deleted(key) for key in sorted(deleted | self.snapshot.terminating & set(desired))]

    def _is_ready(self, change: Change, written: set[Key]) -> bool:
        if isinstance(change.request, CopyRequest) and change.request.source in written:
            return False
        if change.obj is None:
            return True
        return all(key in self.snapshot.live or key not in self.plan.objects for key in _used_objects(change.obj))

    def _being_deleted(self, key: Key) -> Problem:
        live = self.snapshot.live.get(key)
        finalizers = live["metadata"].get("finalizers") if live else None
        verb = "delays" if finalizers and len(finalizers) == 1 else "delay"
        delay = f" The {counted('finalizer', finalizers)} {verb} this." if finalizers else ""
        text = f"{key} is being deleted and is created again afterwards.{delay}"
        return Problem(self.plan.component_of(key), Reason.OBJECT_BEING_DELETED, text)


def diff(plan: Plan, snapshot: Snapshot, uid: str) -> Diff:
    """Compare the desired objects with the live ones.

    Args:
        plan: the desired state.
        snapshot: the live objects.
        uid: UID of the Cryostat. Only objects that it controls, or whose name only its objects have, are pruned.
    """
    changes = [change for key in plan.objects if (change := _write(key, plan, snapshot))]
    changes += _deletions(plan, snapshot, uid)
    return Diff(plan, snapshot, tuple(_complete(change, plan, snapshot) for change in changes))


def is_in_sync(plan: Plan, snapshot: Snapshot, key: Key) -> bool:
    """Return whether an earlier comparison found no difference, and neither side changed since."""
    return key in snapshot.in_sync and snapshot.in_sync[key] == plan.spec_hashes.get(key)


def _complete(change: Change, plan: Plan, snapshot: Snapshot) -> Change:
    live = snapshot.live.get(change.key)
    return replace(
        change, component=plan.component_of(change.key), live=live, event=_change_event(change, live, snapshot)
    )


def _write(key: Key, plan: Plan, snapshot: Snapshot) -> Change | None:
    """The write that one desired object needs, if any."""
    desired, live, request = plan.objects[key], snapshot.live.get(key), plan.requests.get(key)
    if live is None:
        return None if key in snapshot.terminating else Change("create", key, desired, request)
    needs_content = request is not None and _needs_content(request, live, plan, snapshot)
    if is_in_sync(plan, snapshot, key) and not needs_content:
        return None
    if _is_deleting(live):
        return None  # its DELETED event enqueues the instance
    if PARTIAL in live:
        return None  # what was not read cannot be compared
    paths = tuple(differences(desired, live))
    if _is_immutable_difference(desired, live):
        return Change("recreate", key, desired, request, live["metadata"]["uid"], paths=paths)
    if needs_content or paths:
        return Change("replace", key, merge(desired, live), request if needs_content else None, paths=paths)
    return None


def _deletions(plan: Plan, snapshot: Snapshot, uid: str) -> Iterator[Change]:
    """Deletions of live objects that are neither desired nor blocked, and of those that components delete."""
    deleted = {key for component in plan.components for key in component.delete}
    for key, live in snapshot.live.items():
        unwanted = key not in plan.objects and key not in plan.blocked and is_prunable(key, live, uid)
        if key in deleted or (unwanted and not is_kept_by_cert_manager(key, live, snapshot.live)):
            yield Change("delete", key, uid=live["metadata"]["uid"])


def _is_immutable_difference(desired: Obj, live: Obj) -> bool:
    """Whether an update cannot make the live object equal to the desired one."""
    paths = (path for path in KINDS[desired["kind"]].immutable if at(desired, path) is not None)
    return any(at(desired, path) != at(live, path) for path in paths) or _is_headless(desired) != _is_headless(live)


def _is_headless(obj: Obj) -> bool:
    """Whether a Service has no cluster IP, which is immutable."""
    return bool(obj["kind"] == "Service" and obj["spec"].get("clusterIP") == "None")


def _is_deleting(live: Obj) -> bool:
    return "deletionTimestamp" in live["metadata"]


def _needs_content(request: Request, live: Obj, plan: Plan, snapshot: Snapshot) -> bool:
    """Whether a Secret lacks requested content, or has other content."""
    if isinstance(request, CertificateRequest):
        return checks.reissue_reason(request, snapshot.certificates, live) is not None
    if isinstance(request, CopyRequest):
        return checks.copy_differs(request, snapshot.certificates)
    return request.key in plan.incomplete_secrets


def _used_objects(obj: Obj) -> Iterator[Key]:
    """Objects that an object uses by name."""
    namespace, spec = obj["metadata"].get("namespace") or "", obj.get("spec") or {}
    if obj["kind"] == "Deployment":
        pod = spec["template"]["spec"]
        yield from (Key(need.kind, namespace, need.name) for need in pod_references(pod) if not need.optional)
        yield Key("ServiceAccount", namespace, pod.get("serviceAccountName") or "default")
        claims = filter(None, (volume.get("persistentVolumeClaim") for volume in pod.get("volumes") or ()))
        yield from (Key("PersistentVolumeClaim", namespace, claim["claimName"]) for claim in claims)
    elif obj["kind"] in ("RoleBinding", "ClusterRoleBinding"):
        yield from (Key(subject["kind"], subject["namespace"], subject["name"]) for subject in obj["subjects"])
    elif obj["kind"] == "Route":
        yield Key("Service", namespace, spec["to"]["name"])


def _change_event(change: Change, live: Obj | None, snapshot: Snapshot) -> Problem | None:
    """Return the event of a change, which is recorded when the change is applied; None if it has none."""
    if change.key.kind == "Secret":
        return _agent_certificate_event(change, snapshot.certificates)
    if change.key.kind != "Route" or not live or not change.obj:
        return None
    old, new = live["spec"].get("host"), change.obj["spec"].get("host")
    if not old or not new or old == new:
        return None
    message = f"Route {change.key.name} moved from {old} to {new}."
    return Problem("exposure", Reason.ROUTE_HOST_CHANGED, message)


def _agent_certificate_event(change: Change, certificates: Mapping[Key, CertificateInfo]) -> Problem | None:
    """Return the event of a renewed certificate: running agents keep the certificate with which their JVM started."""
    key, old = change.key, certificates.get(change.key)
    labels = (change.obj or {"metadata": {}})["metadata"].get("labels") or {}
    name, namespace = labels.get(constants.LABEL_NAME, ""), labels.get(constants.LABEL_NAMESPACE, "")
    is_renewed = change.request and old and old.key_matches
    if not is_renewed or key.name != names.agent_certificate(namespace, name, key.namespace):
        return None
    assert old
    message = (
        f"Agents in namespace {key.namespace} have a new certificate. "
        f"Those that run now keep the old one, which expires at {old.not_after}: restart their pods before."
    )
    return Problem("tls", Reason.AGENT_CERTIFICATE_RENEWED, message)
