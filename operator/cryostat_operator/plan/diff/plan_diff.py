"""The auditor: what must be written so that the live objects become the wished ones, and nothing more.

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
from .comparison import at, differences, merged

Verb = Literal["create", "replace", "recreate", "delete"]


@dataclass(frozen=True)
class Change:
    """One write.

    Attributes:
        obj: what to write; None for deletions.
        order: the content that a Secret must have; None if its data stays as it is.
        uid: of the object to delete.
        component: name of the component that the object belongs to.
        live: the object as last observed; None if it does not exist.
        event: what to announce once the change is applied.
    """

    verb: Verb
    key: Key
    obj: Obj | None = None
    order: Request | None = None
    uid: str = ""
    component: str = "core"
    live: Obj | None = None
    event: Problem | None = None


def compare(plan: Plan, snapshot: Snapshot, uid: str) -> list[Change]:
    """The writes that lead from the live objects to the plan; empty in a steady state.

    `uid` is the Cryostat's: only objects that it controls, or that bear one of its own hashed names, are ever pruned.
    """
    actions: list[Change] = []
    wished, requests, blocked = plan.objects, plan.requests, plan.blocked
    for key, wish in wished.items():
        if agrees(plan, snapshot, key) and not (
            key in requests and _wanting(requests[key], snapshot.live[key], plan, snapshot)
        ):
            continue
        action = _write(key, wish, snapshot.live.get(key), requests.get(key), plan, snapshot)
        if action:
            actions.append(action)
    delete = {key for part in plan.components for key in part.delete}
    for key in snapshot.live:
        unwanted = key not in wished and key not in blocked and is_prunable(key, snapshot.live[key], uid)
        if (unwanted and not _looked_after(key, snapshot.live[key], snapshot)) or key in delete:
            actions.append(Change("delete", key, uid=snapshot.live[key]["metadata"]["uid"]))
    return [
        replace(
            action,
            component=component_of(plan, action.key),
            live=snapshot.live.get(action.key),
            event=news(action, snapshot),
        )
        for action in actions
    ]


def agrees(plan: Plan, snapshot: Snapshot, key: Key) -> bool:
    """Whether a live object is known to be as wished, because neither changed since that was found."""
    return key in snapshot.in_sync and snapshot.in_sync[key] == plan.digests.get(key)


def agreed(plan: Plan, snapshot: Snapshot, actions: Iterable[Change]) -> dict[Key, bytes]:
    """Digests of the wishes that live objects fulfil, `actions` being all that `compare` found to do."""
    undone = {action.key for action in actions}
    found = (
        key for key in plan.objects if key in snapshot.live and key not in undone and not agrees(plan, snapshot, key)
    )
    return {key: plan.digests[key] for key in found if "deletionTimestamp" not in snapshot.live[key]["metadata"]}


def possible(actions: Iterable[Change], plan: Plan, snapshot: Snapshot) -> list[Change]:
    """Writes of objects that lack nothing of what they use by name.

    A pod must not start with somebody else's ConfigMap, account or volume that only bears the name of ours, a binding
    not empower a stranger's account, a Route not expose a stranger's Service.

    A copy follows once its source is written.
    """
    actions = list(actions)
    written = {action.key for action in actions}
    settled = [a for a in actions if not (isinstance(a.order, CopyRequest) and a.order.source in written)]
    return [a for a in settled if not a.obj or all(k in snapshot.live or k not in plan.objects for k in _used(a.obj))]


def _used(obj: Obj) -> Iterator[Key]:
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


def news(action: Change, before: Snapshot) -> Problem | None:
    """What people should hear of a write that went through."""
    if action.key.kind == "Secret":
        return _agents_certificate(action, before)
    live = before.live.get(action.key)
    if action.key.kind != "Route" or not live or not action.obj:
        return None
    old, new = live["spec"].get("host"), action.obj["spec"].get("host")
    if not old or not new or old == new:
        return None
    message = f"Route {action.key.name} moved from {old} to {new}."
    return Problem("exposure", Reason.ROUTE_HOST_CHANGED, message)


def _agents_certificate(action: Change, before: Snapshot) -> Problem | None:
    """Running agents keep the certificate that they found when their JVM started."""
    key, old = action.key, before.certificates.get(action.key)
    labels = (action.obj or {"metadata": {}})["metadata"].get("labels") or {}
    name, namespace = labels.get(constants.LABEL_NAME, ""), labels.get(constants.LABEL_NAMESPACE, "")
    if (
        not action.order
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


def pending(plan: Plan, snapshot: Snapshot) -> list[Problem]:
    """Wished objects that exist, but only until they are gone."""
    doubtful = (key for key in plan.objects if key in snapshot.live and not agrees(plan, snapshot, key))
    going = {key for key in doubtful if "deletionTimestamp" in snapshot.live[key]["metadata"]}
    found = []
    for key in sorted(going | snapshot.leaving & set(plan.objects)):
        finalizers = ", ".join((snapshot.live.get(key) or {"metadata": {}})["metadata"].get("finalizers") or ())
        waits = f"; finalizers: {finalizers}" if finalizers else ""
        message = f"{key} is being deleted and is made again afterwards{waits}."
        found.append(Problem(component_of(plan, key), Reason.OBJECT_BEING_DELETED, message))
    return found


def _write(
    key: Key, wish: Obj, live: Obj | None, order: Request | None, plan: Plan, snapshot: Snapshot
) -> Change | None:
    if live is None:
        return None if key in snapshot.leaving else Change("create", key, wish, order)
    if "deletionTimestamp" in live["metadata"]:
        return None  # its DELETED event enqueues the instance
    if PARTIAL in live:
        return None  # what was not read cannot be compared
    fixed = (path for path in KINDS[key.kind].immutable if at(wish, path) is not None)
    if any(at(wish, path) != at(live, path) for path in fixed) or _headless(wish) != _headless(live):
        return Change("recreate", key, wish, order, live["metadata"]["uid"])
    wanting = order is not None and _wanting(order, live, plan, snapshot)
    if wanting or differences(wish, live):
        return Change("replace", key, merged(wish, live), order if wanting else None)
    return None


def _headless(obj: Obj) -> bool:
    """Whether a Service has no address of its own, which cannot change."""
    return bool(obj["kind"] == "Service" and obj["spec"].get("clusterIP") == "None")


def _wanting(order: Request, live: Obj, plan: Plan, snapshot: Snapshot) -> bool:
    """Whether a Secret lacks content that was ordered, or has other content."""
    if isinstance(order, CertificateRequest):
        return checks.reissue_reason(order, snapshot.certificates, live) is not None
    if isinstance(order, CopyRequest):
        return checks.copy_differs(order, snapshot.certificates)
    return order.key in plan.incomplete_secrets


def is_prunable(key: Key, live: Obj, uid: str) -> bool:
    """Whether an object with our mark may be deleted: never one with data, never one that only looks like ours."""
    if KINDS[key.kind].retained or "deletionTimestamp" in live["metadata"]:
        return False
    if key.kind == "Secret" and live.get("immutable"):
        return False  # the keys of a database outlive the wish for them
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


def _looked_after(key: Key, live: Obj, snapshot: Snapshot) -> bool:
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
