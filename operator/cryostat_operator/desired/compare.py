"""The auditor: what must be written so that the live objects become the wished ones, and nothing more.

Updates replace whole objects (PUT), as the Go operator does, because only that repairs additions too: a sidecar, an
extra key, a wider port list. What the API server fills in by itself is recognised and carried over by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from . import certificates, names, retention
from .bookkeeping import ours
from .instance import Facts
from .k8s import quantity
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


# What the API server adds where a field is left out, by field name; None means that any value is the server's business.
_DEFAULTS: Mapping[str, Any] = {
    "protocol": "TCP",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "progressDeadlineSeconds": 600,
    "revisionHistoryLimit": 10,
    "defaultMode": 0o644,
    "apiVersion": "v1",  # of a fieldRef
    "scheme": "HTTP",
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "externalTrafficPolicy": "Cluster",
    "allocateLoadBalancerNodePorts": True,
    "wildcardPolicy": "None",
    "weight": 100,
    "type": "Opaque",
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
}
_ALLOCATED = frozenset(
    {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "nodePort", "healthCheckNodePort", "serviceAccount"}
    | {"ingressClassName", "loadBalancerClass"}
)
# What admission chooses for an object when it is made, and refuses to see changed or taken away later.
_CHOSEN = {"Ingress": "ingressClassName", "Service": "loadBalancerClass"}
_QUANTITIES = frozenset({"requests", "limits", "sizeLimit", "divisor"})
_ISSUER = "cert-manager.io/issuer-name"
# Kinds of others, who add fields as they please: only what we write counts.
_SHARED = frozenset({"Issuer", "Certificate"})
_UNCOMPARED = frozenset({"apiVersion", "kind", "metadata", "status", "data", "stringData"})


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
    fixed = (path for path in KINDS[key.kind].immutable if _at(wish, path) is not None)
    if any(_at(wish, path) != _at(live, path) for path in fixed) or _headless(wish) != _headless(live):
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


def differences(wish: Obj, live: Obj) -> list[str]:
    """Dotted paths at which the live object is not as wished; what the server defaulted is no difference."""
    found = list(_metadata(wish["metadata"], live, ()))
    if wish["kind"] == "ServiceAccount":
        return found  # image pull secrets and the like belong to the cluster
    if wish["kind"] in _SHARED:
        return found + _unlike(wish["spec"], live.get("spec") or {}, "spec")
    if wish["kind"] == "ConfigMap":
        found += _data(wish, live)
    if wish["kind"] == "PersistentVolumeClaim":
        return found + _grown(wish, live)
    if wish["kind"] == "Deployment":
        template = _at(wish, "spec.template.metadata") or {}
        found += _metadata(template, live, ("spec", "template"))
    # Somebody may have protected content that is as it should be.
    protected = {"immutable"} - set(wish)
    for name in sorted((set(wish) | set(live)) - _UNCOMPARED - protected):
        found += _unequal(_without_metadata(wish.get(name)), _without_metadata(live.get(name)), name)
    return found


def _without_metadata(spec: Any) -> Any:
    """A Deployment's spec without the metadata of its template, which is compared as metadata."""
    if isinstance(spec, dict) and isinstance(spec.get("template"), dict):
        return {**spec, "template": {k: v for k, v in spec["template"].items() if k != "metadata"}}
    return spec


def _metadata(wish: Obj, live: Obj, path: tuple[str, ...]) -> Iterator[str]:
    """Labels, annotations and owner of an object or of its pod template; what others added may stay."""
    prefix = ".".join((*path, "metadata"))
    have = _at(live, prefix) or {}
    for field in ("labels", "annotations"):
        wanted, present = wish.get(field) or {}, have.get(field) or {}
        for key in sorted(k for k, v in wanted.items() if present.get(k) != v):
            yield f"{prefix}.{field}.{key}"
        for key in sorted(ours(live, path, field) & set(present) - set(wanted)):
            yield f"{prefix}.{field}.{key}"
    owners = have.get("ownerReferences") or []
    wanted_owners = wish.get("ownerReferences") or []
    strange = not wanted_owners and retention.without_cryostats(owners) != owners
    if strange or any(reference not in owners for reference in wanted_owners):
        yield f"{prefix}.ownerReferences"


def _data(wish: Obj, live: Obj) -> list[str]:
    same = (wish.get("data") or {}) == (live.get("data") or {}) and not live.get("binaryData")
    return [] if same else ["data"]


def _grown(wish: Obj, live: Obj) -> list[str]:
    """A claim is as wished once it is at least as large; the rest of it cannot be changed."""
    path = "spec.resources.requests.storage"
    wanted, have = _at(wish, path), _at(live, path)
    return [path] if wanted and have and quantity(wanted) > quantity(have) else []


def _unlike(wish: Any, live: Any, path: str) -> list[str]:
    """Paths at which something that we write is not there; additions are welcome."""
    if isinstance(wish, dict):
        if not isinstance(live, dict):
            return [path]
        # Releases of cert-manager that do not know profiles drop them.
        known = {k: v for k, v in wish.items() if k in live or path != "spec.keystores.pkcs12" or k != "profile"}
        return [p for key, value in known.items() for p in _unlike(value, live.get(key), f"{path}.{key}")]
    if isinstance(wish, list):
        return [] if isinstance(live, list) and sorted(wish) == sorted(live) else [path]
    return [] if wish == live else [path]


def _with(wish: Obj, live: Obj) -> Obj:
    """The live spec with all that we write in it."""
    both = {
        k: _with(v, live[k]) if isinstance(v, dict) and isinstance(live.get(k), dict) else v for k, v in wish.items()
    }
    return {**live, **both}


def _unequal(wish: Any, live: Any, name: str, parent: str = "") -> list[str]:
    """Paths below `name` that differ, `name` included. Nothing is built where all is equal, which is nearly always."""
    if wish == live or (_empty(wish) and _empty(live)):
        return []
    if isinstance(wish, dict) and isinstance(live, dict | None):
        found = _unequal_maps(wish, live or {}, name)
    elif isinstance(wish, list) and isinstance(live, list) and len(wish) == len(live):
        found = [p for i, (a, b) in enumerate(zip(wish, live, strict=True)) for p in _unequal(a, b, f"[{i}]", parent)]
    elif name in _QUANTITIES or parent in _QUANTITIES:
        found = [] if _is_scalar(wish) and _is_scalar(live) and quantity(wish) == quantity(live) else [""]
    else:
        found = [] if wish is None and _defaulted(name, live) else [""]
    return [name + path if path.startswith("[") or not path else f"{name}.{path}" for path in found]


def _unequal_maps(wish: Mapping[str, Any], live: Mapping[str, Any], name: str) -> list[str]:
    found = [path for key, value in wish.items() for path in _unequal(value, live.get(key), key, name)]
    return found + [key for key, value in live.items() if key not in wish and not _defaulted(key, value)]


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _defaulted(name: str, value: Any) -> bool:
    return name in _ALLOCATED or _empty(value) or (name in _DEFAULTS and _DEFAULTS[name] == value)


def _empty(value: Any) -> bool:
    return value is None or value in ({}, [], "")


def _at(obj: Any, path: str) -> Any:
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def merged(wish: Obj, live: Obj) -> Obj:
    """The object to replace the live one with: the wish, plus what others rightly keep in it."""
    if wish["kind"] == "PersistentVolumeClaim":
        return _merged_claim(wish, live)
    result = dict(wish)
    if wish["kind"] == "ServiceAccount":
        result = {**live, **wish}
    if wish["kind"] == "Certificate":
        result["spec"] = _with(wish["spec"], live.get("spec") or {})
    result["metadata"] = _merged_metadata(wish["metadata"], live, ())
    chosen = _CHOSEN.get(wish["kind"], "")
    if chosen in (live.get("spec") or {}):
        result["spec"] = {chosen: live["spec"][chosen], **wish["spec"]}
    if wish["kind"] == "Deployment":
        template = dict(wish["spec"]["template"])
        template["metadata"] = _merged_metadata(template.get("metadata") or {}, live, ("spec", "template"))
        result["spec"] = {**wish["spec"], "template": template}
    return result


def _merged_metadata(wish: Obj, live: Obj, path: tuple[str, ...]) -> Obj:
    have = _at(live, ".".join((*path, "metadata"))) or {}
    result = {**{k: v for k, v in have.items() if k != "managedFields"}, **wish}
    for field in ("labels", "annotations"):
        gone = ours(live, path, field)
        kept = {k: v for k, v in (have.get(field) or {}).items() if k not in gone}
        result[field] = {**kept, **(wish.get(field) or {})}
    if wish.get("ownerReferences"):
        others = [
            r for r in have.get("ownerReferences") or [] if not r.get("controller") and r.get("kind") != names.KIND
        ]
        result["ownerReferences"] = [*wish["ownerReferences"], *others]
    elif have.get("ownerReferences"):
        result["ownerReferences"] = retention.without_cryostats(have["ownerReferences"])
    return result


def _merged_claim(wish: Obj, live: Obj) -> Obj:
    spec = {**live["spec"], "resources": {**(live["spec"].get("resources") or {})}}
    wanted = _at(wish, "spec.resources.requests.storage")
    if _grown(wish, live):
        spec["resources"]["requests"] = {**(spec["resources"].get("requests") or {}), "storage": wanted}
    return {**wish, "metadata": _merged_metadata(wish["metadata"], live, ()), "spec": spec}
