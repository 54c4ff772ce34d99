"""Computes the writes that are necessary to bring the live objects to the desired state, and nothing more.

Updates replace whole objects (PUT), as the Go operator does, because only that repairs additions too: a sidecar, an
extra key, a wider port list. What the API server fills in by itself is recognised and carried over by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ...api import constants
from ..model import names
from ..model.desired_state import Plan, component_of
from ..model.kinds import KINDS, PARTIAL, Key, Obj
from ..model.problems import Problem
from ..model.reasons import Reason
from ..model.requests import CertificateRequest, CopyRequest, Request
from ..model.snapshot import Snapshot
from ..references import pod_references
from ..tls import checks
from .comparison import at, differences, merge

Verb = Literal["create", "replace", "recreate", "delete"]


@dataclass(frozen=True)
class Change:
    """One write.

    Attributes:
        obj: what to write; None for deletions.
        request: the content that a Secret must have; None if its data stays as it is.
        uid: of the object to delete.
        component: name of the component that the object belongs to.
        live: the object as last observed; None if it does not exist.
        event: what to announce once the change is applied.
    """

    verb: Verb
    key: Key
    obj: Obj | None = None
    request: Request | None = None
    uid: str = ""
    component: str = "core"
    live: Obj | None = None
    event: Problem | None = None


def diff(plan: Plan, snapshot: Snapshot, uid: str) -> list[Change]:
    """The writes that lead from the live objects to the plan; empty in a steady state.

    `uid` is the Cryostat's: only objects that it controls, or that bear one of its own hashed names, are ever pruned.
    """
    changes: list[Change] = []
    requests, blocked = plan.requests, plan.blocked
    for key, desired in plan.objects.items():
        if is_in_sync(plan, snapshot, key) and not (
            key in requests and _needs_content(requests[key], snapshot.live[key], plan, snapshot)
        ):
            continue
        change = _write(key, desired, snapshot.live.get(key), requests.get(key), plan, snapshot)
        if change:
            changes.append(change)
    delete = {key for component in plan.components for key in component.delete}
    for key in snapshot.live:
        unwanted = key not in plan.objects and key not in blocked and is_prunable(key, snapshot.live[key], uid)
        if (unwanted and not _is_kept_by_cert_manager(key, snapshot.live[key], snapshot)) or key in delete:
            changes.append(Change("delete", key, uid=snapshot.live[key]["metadata"]["uid"]))
    return [
        replace(
            change,
            component=component_of(plan, change.key),
            live=snapshot.live.get(change.key),
            event=_change_event(change, snapshot),
        )
        for change in changes
    ]


def is_in_sync(plan: Plan, snapshot: Snapshot, key: Key) -> bool:
    """Whether a live object is known to be as desired, because neither changed since that was found."""
    return key in snapshot.in_sync and snapshot.in_sync[key] == plan.spec_hashes.get(key)


def in_sync(plan: Plan, snapshot: Snapshot, changes: Iterable[Change]) -> dict[Key, bytes]:
    """Spec hashes of the desired objects that live objects match. `changes` is the result of `diff`."""
    undone = {change.key for change in changes}
    found = (
        key
        for key in plan.objects
        if key in snapshot.live and key not in undone and not is_in_sync(plan, snapshot, key)
    )
    return {key: plan.spec_hashes[key] for key in found if "deletionTimestamp" not in snapshot.live[key]["metadata"]}


def ready(changes: Iterable[Change], plan: Plan, snapshot: Snapshot) -> list[Change]:
    """Writes of objects that lack nothing of what they use by name.

    A pod must not start with somebody else's ConfigMap, account or volume that only bears the name of ours, a binding
    not empower a stranger's account, a Route not expose a stranger's Service.

    A copy follows once its source is written.
    """
    changes = list(changes)
    written = {change.key for change in changes}
    settled = [a for a in changes if not (isinstance(a.request, CopyRequest) and a.request.source in written)]
    return [
        a
        for a in settled
        if not a.obj or all(k in snapshot.live or k not in plan.objects for k in _used_objects(a.obj))
    ]


def _used_objects(obj: Obj) -> Iterator[Key]:
    """Objects of the same plan that an object uses by name."""
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


def _change_event(change: Change, before: Snapshot) -> Problem | None:
    """What people should hear of a write that went through."""
    if change.key.kind == "Secret":
        return _agents_certificate(change, before)
    live = before.live.get(change.key)
    if change.key.kind != "Route" or not live or not change.obj:
        return None
    old, new = live["spec"].get("host"), change.obj["spec"].get("host")
    if not old or not new or old == new:
        return None
    message = f"Route {change.key.name} moved from {old} to {new}."
    return Problem("exposure", Reason.ROUTE_HOST_CHANGED, message)


def _agents_certificate(change: Change, before: Snapshot) -> Problem | None:
    """Running agents keep the certificate that they found when their JVM started."""
    key, old = change.key, before.certificates.get(change.key)
    labels = (change.obj or {"metadata": {}})["metadata"].get("labels") or {}
    name, namespace = labels.get(constants.LABEL_NAME, ""), labels.get(constants.LABEL_NAMESPACE, "")
    if (
        not change.request
        or not old
        or not old.key_matches
        or key.name != names.agent_certificate(namespace, name, key.namespace)
    ):
        return None
    message = (
        f"Agents in namespace {key.namespace} have a new certificate. "
        f"Those that run now keep the old one, which ends {old.not_after}: restart their pods before."
    )
    return Problem("tls", Reason.AGENT_CERTIFICATE_RENEWED, message)


def terminating(plan: Plan, snapshot: Snapshot) -> list[Problem]:
    """Problems of desired objects whose live object is being deleted."""
    doubtful = (key for key in plan.objects if key in snapshot.live and not is_in_sync(plan, snapshot, key))
    deleted = {key for key in doubtful if "deletionTimestamp" in snapshot.live[key]["metadata"]}
    found = []
    for key in sorted(deleted | snapshot.terminating & set(plan.objects)):
        finalizers = ", ".join((snapshot.live.get(key) or {"metadata": {}})["metadata"].get("finalizers") or ())
        waits = f"; finalizers: {finalizers}" if finalizers else ""
        message = f"{key} is being deleted and is made again afterwards{waits}."
        found.append(Problem(component_of(plan, key), Reason.OBJECT_BEING_DELETED, message))
    return found


def _write(
    key: Key, desired: Obj, live: Obj | None, request: Request | None, plan: Plan, snapshot: Snapshot
) -> Change | None:
    if live is None:
        return None if key in snapshot.terminating else Change("create", key, desired, request)
    if "deletionTimestamp" in live["metadata"]:
        return None  # its DELETED event enqueues the instance
    if PARTIAL in live:
        return None  # what was not read cannot be compared
    fixed = (path for path in KINDS[key.kind].immutable if at(desired, path) is not None)
    if any(at(desired, path) != at(live, path) for path in fixed) or _headless(desired) != _headless(live):
        return Change("recreate", key, desired, request, live["metadata"]["uid"])
    needs_content = request is not None and _needs_content(request, live, plan, snapshot)
    if needs_content or differences(desired, live):
        return Change("replace", key, merge(desired, live), request if needs_content else None)
    return None


def _headless(obj: Obj) -> bool:
    """Whether a Service has no address of its own, which cannot change."""
    return bool(obj["kind"] == "Service" and obj["spec"].get("clusterIP") == "None")


def _needs_content(request: Request, live: Obj, plan: Plan, snapshot: Snapshot) -> bool:
    """Whether a Secret lacks content that was requested, or has other content."""
    if isinstance(request, CertificateRequest):
        return checks.reissue_reason(request, snapshot.certificates, live) is not None
    if isinstance(request, CopyRequest):
        return checks.copy_differs(request, snapshot.certificates)
    return request.key in plan.incomplete_secrets


def is_prunable(key: Key, live: Obj, uid: str) -> bool:
    """Whether an object with our mark may be deleted: never one with data, never one that only looks like ours."""
    if KINDS[key.kind].retained or "deletionTimestamp" in live["metadata"]:
        return False
    if key.kind == "Secret" and live.get("immutable"):
        return False  # the keys of a database outlive the request for them
    references = live["metadata"].get("ownerReferences") or []
    if any(r.get("kind") == "Certificate" and r.get("controller") for r in references):
        return bool(uid) and _issued_for(key, live)  # without our Cryostat its Certificate goes, and takes it along
    ours = any(r.get("kind") == constants.KIND and r.get("uid") == uid for r in references)
    return ours or has_own_name(key, live) or _issued_for(key, live)


def _issued_for(key: Key, live: Obj) -> bool:
    """Whether cert-manager made a Secret with an Issuer that only its Cryostat has, and put our mark on it."""
    labels, annotations = live["metadata"].get("labels") or {}, live["metadata"].get("annotations") or {}
    name = labels.get(constants.LABEL_NAME, "")
    issuers = (f"{name}-ca", f"{name}-self-signed")
    return annotations.get(constants.ANNOTATION_ISSUER) in issuers and key.namespace == labels.get(
        constants.LABEL_NAMESPACE
    )


def _is_kept_by_cert_manager(key: Key, live: Obj, snapshot: Snapshot) -> bool:
    """Whether cert-manager still would make a Secret anew that is deleted."""
    certificate = (live["metadata"].get("annotations") or {}).get(constants.ANNOTATION_CERTIFICATE) or ""
    return key.kind == "Secret" and Key("Certificate", key.namespace, certificate) in snapshot.live


def has_own_name(key: Key, live: Obj) -> bool:
    """Whether an object bears a name that only its Cryostat has; such objects need no owner reference."""
    labels = live["metadata"].get("labels") or {}
    name, namespace = labels.get(constants.LABEL_NAME, ""), labels.get(constants.LABEL_NAMESPACE, "")
    return key.name in {
        names.instance_hash_name(namespace, name),
        names.ca_secret(namespace, name),
        names.agent_callback_service(namespace, name),
        names.agent_certificate(namespace, name, key.namespace),
    }
