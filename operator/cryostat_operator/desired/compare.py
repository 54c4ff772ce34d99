"""The auditor: what must be written so that the live objects become the wished ones, and nothing more.

Updates replace whole objects (PUT), as the Go operator does, because only that repairs additions too: a sidecar, an
extra key, a wider port list. What the API server fills in by itself is recognised and carried over by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from . import certificates, names
from .differences import at, differences, merged
from .instance import Facts
from .plan import KINDS, CertificateOrder, CopyOrder, Key, Obj, Order, Plan, Problem, part_of
from .references import references

Verb = Literal["create", "replace", "recreate", "delete"]


@dataclass(frozen=True)
class Action:
    """One write. `obj` is what to write, `order` the values that a Secret must have, `uid` what is deleted."""

    verb: Verb
    key: Key
    obj: Obj | None = None
    order: Order | None = None
    uid: str = ""


_ISSUER = "cert-manager.io/issuer-name"


def compare(plan: Plan, facts: Facts, uid: str) -> list[Action]:
    """The writes that lead from the live objects to the plan; empty in a steady state.

    `uid` is the Cryostat's: only objects that it controls, or that bear one of its own hashed names, are ever pruned.
    """
    actions: list[Action] = []
    wished, orders, waiting = plan.objects, plan.orders, plan.waiting
    for key, wish in wished.items():
        if agrees(plan, facts, key) and not (key in orders and _wanting(orders[key], facts.live[key], facts)):
            continue
        action = _write(key, wish, facts.live.get(key), orders.get(key), facts)
        if action:
            actions.append(action)
    discarded = {key for part in plan.parts for key in part.discarded}
    for key in facts.live:
        unwanted = key not in wished and key not in waiting and prunable(key, facts.live[key], uid)
        if (unwanted and not _looked_after(key, facts.live[key], facts)) or key in discarded:
            actions.append(Action("delete", key, uid=facts.live[key]["metadata"]["uid"]))
    return actions


def agrees(plan: Plan, facts: Facts, key: Key) -> bool:
    """Whether a live object is known to be as wished, because neither changed since that was found."""
    return key in facts.agreements and facts.agreements[key] == plan.digests.get(key)


def agreed(plan: Plan, facts: Facts, actions: Iterable[Action]) -> dict[Key, bytes]:
    """Digests of the wishes that live objects fulfil, `actions` being all that `compare` found to do."""
    undone = {action.key for action in actions}
    found = (key for key in plan.objects if key in facts.live and key not in undone and not agrees(plan, facts, key))
    return {key: plan.digests[key] for key in found if "deletionTimestamp" not in facts.live[key]["metadata"]}


def possible(actions: Iterable[Action], plan: Plan, facts: Facts) -> list[Action]:
    """Writes of objects that lack nothing of what they use by name.

    A pod must not start with somebody else's ConfigMap, account or volume that only bears the name of ours, a binding
    not empower a stranger's account, a Route not expose a stranger's Service.

    A copy follows once its source is written.
    """
    actions = list(actions)
    written = {action.key for action in actions}
    settled = [a for a in actions if not (isinstance(a.order, CopyOrder) and a.order.source in written)]
    return [a for a in settled if not a.obj or all(k in facts.live or k not in plan.objects for k in _used(a.obj))]


def _used(obj: Obj) -> Iterator[Key]:
    """Objects of the same plan that an object uses by name."""
    namespace, spec = obj["metadata"].get("namespace") or "", obj.get("spec") or {}
    if obj["kind"] == "Deployment":
        pod = spec["template"]["spec"]
        yield from (Key(need.kind, namespace, need.name) for need in references(pod) if not need.optional)
        yield Key("ServiceAccount", namespace, pod.get("serviceAccountName") or "default")
        claims = filter(None, (volume.get("persistentVolumeClaim") for volume in pod.get("volumes") or ()))
        yield from (Key("PersistentVolumeClaim", namespace, claim["claimName"]) for claim in claims)
    elif obj["kind"] in ("RoleBinding", "ClusterRoleBinding"):
        yield from (Key(subject["kind"], subject["namespace"], subject["name"]) for subject in obj["subjects"])
    elif obj["kind"] == "Route":
        yield Key("Service", namespace, spec["to"]["name"])


def news(action: Action, before: Facts) -> Problem | None:
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
    return Problem("exposure", "RouteHostChanged", message, warning=False)


def _agents_certificate(action: Action, before: Facts) -> Problem | None:
    """Running agents keep the certificate that they found when their JVM started."""
    key, old = action.key, before.certificates.get(action.key)
    labels = (action.obj or {"metadata": {}})["metadata"].get("labels") or {}
    name, namespace = labels.get(names.LABEL_NAME, ""), labels.get(names.LABEL_NAMESPACE, "")
    if (
        not action.order
        or not old
        or not old.sound
        or key.name != names.agent_certificate(namespace, name, key.namespace)
    ):
        return None
    message = (
        f"Agents in namespace {key.namespace} have a new certificate. "
        f"Those that run now keep the old one, which ends {old.not_after}: restart their pods before."
    )
    return Problem("tls", "AgentCertificateRenewed", message, warning=False)


def pending(plan: Plan, facts: Facts) -> list[Problem]:
    """Wished objects that exist, but only until they are gone."""
    doubtful = (key for key in plan.objects if key in facts.live and not agrees(plan, facts, key))
    going = {key for key in doubtful if "deletionTimestamp" in facts.live[key]["metadata"]}
    found = []
    for key in sorted(going | facts.leaving & set(plan.objects)):
        finalizers = ", ".join((facts.live.get(key) or {"metadata": {}})["metadata"].get("finalizers") or ())
        waits = f"; finalizers: {finalizers}" if finalizers else ""
        message = f"{key} is being deleted and is made again afterwards{waits}."
        found.append(Problem(part_of(plan, key), "ObjectBeingDeleted", message, warning=False))
    return found


def _write(key: Key, wish: Obj, live: Obj | None, order: Order | None, facts: Facts) -> Action | None:
    if live is None:
        return None if key in facts.leaving else Action("create", key, wish, order)
    if "deletionTimestamp" in live["metadata"]:
        return None  # its end rings again
    fixed = (path for path in KINDS[key.kind].immutable if at(wish, path) is not None)
    if any(at(wish, path) != at(live, path) for path in fixed) or _headless(wish) != _headless(live):
        return Action("recreate", key, wish, order, live["metadata"]["uid"])
    wanting = order is not None and _wanting(order, live, facts)
    if wanting or differences(wish, live):
        return Action("replace", key, merged(wish, live), order if wanting else None)
    return None


def _headless(obj: Obj) -> bool:
    """Whether a Service has no address of its own, which cannot change."""
    return bool(obj["kind"] == "Service" and obj["spec"].get("clusterIP") == "None")


def _wanting(order: Order, live: Obj, facts: Facts) -> bool:
    """Whether a Secret lacks content that was ordered, or has other content."""
    if isinstance(order, CertificateOrder):
        return certificates.unfit(order, facts.certificates, live) is not None
    if isinstance(order, CopyOrder):
        return certificates.differs(order, facts.certificates)
    fact = facts.data.get((order.key.kind, order.key.name))
    return bool(fact and order.keys - fact.keys)


def prunable(key: Key, live: Obj, uid: str) -> bool:
    """Whether an object with our mark may be deleted: never one with data, never one that only looks like ours."""
    if KINDS[key.kind].retained or "deletionTimestamp" in live["metadata"]:
        return False
    if key.kind == "Secret" and live.get("immutable"):
        return False  # the keys of a database outlive the wish for them
    references = live["metadata"].get("ownerReferences") or []
    if any(r.get("kind") == "Certificate" and r.get("controller") for r in references):
        return bool(uid) and _issued_for(key, live)  # without our Cryostat its Certificate goes, and takes it along
    ours = any(r.get("kind") == names.KIND and r.get("uid") == uid for r in references)
    return ours or has_own_name(key, live) or _issued_for(key, live)


def _issued_for(key: Key, live: Obj) -> bool:
    """Whether cert-manager made a Secret with an Issuer that only its Cryostat has, and put our mark on it."""
    labels, annotations = live["metadata"].get("labels") or {}, live["metadata"].get("annotations") or {}
    name = labels.get(names.LABEL_NAME, "")
    issuers = (f"{name}-ca", f"{name}-self-signed")
    return annotations.get(_ISSUER) in issuers and key.namespace == labels.get(names.LABEL_NAMESPACE)


def _looked_after(key: Key, live: Obj, facts: Facts) -> bool:
    """Whether cert-manager still would make a Secret anew that is deleted."""
    certificate = (live["metadata"].get("annotations") or {}).get(names.ANNOTATION_CERTIFICATE) or ""
    return key.kind == "Secret" and Key("Certificate", key.namespace, certificate) in facts.live


def has_own_name(key: Key, live: Obj) -> bool:
    """Whether an object bears a name that only its Cryostat has; such objects need no owner reference."""
    labels = live["metadata"].get("labels") or {}
    name, namespace = labels.get(names.LABEL_NAME, ""), labels.get(names.LABEL_NAMESPACE, "")
    return key.name in {
        names.instance_hash_name(namespace, name),
        names.ca_secret(namespace, name),
        names.agent_callback_service(namespace, name),
        names.agent_certificate(namespace, name, key.namespace),
    }
