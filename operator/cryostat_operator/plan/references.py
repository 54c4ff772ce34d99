"""Which Secrets and ConfigMaps a pod needs, whether they are there, and a digest of what is in them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..api import constants
from .instance import Instance
from .model import names
from .model.certificates import TLS_CA_KEY
from .model.desired_state import Reference
from .model.kinds import Key, Obj
from .model.problems import Problem
from .model.snapshot import ContentSummary

_SOURCES = (
    ("Secret", "secretKeyRef", "secretRef", "secret"),
    ("ConfigMap", "configMapKeyRef", "configMapRef", "configMap"),
)


def references(pod: Obj) -> set[Reference]:
    """All Secrets and ConfigMaps of a pod's spec, one entry each, with the keys that must be in them.

    A reference is optional only if every use of it is; keys that are used optionally need not be there.
    """
    found: dict[tuple[str, str], tuple[set[str], bool]] = {}
    for kind, name, keys, optional in _uses(pod):
        known, all_optional = found.get((kind, name), (set(), True))
        found[kind, name] = (known | (set() if optional else set(keys)), all_optional and optional)
    return {Reference(kind, name, frozenset(keys), optional) for (kind, name), (keys, optional) in found.items()}


def _uses(pod: Obj) -> Iterator[tuple[str, str, list[str], bool]]:
    containers = [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]
    variables = [e.get("valueFrom") or {} for c in containers for e in c.get("env") or ()]
    imports = [e for c in containers for e in c.get("envFrom") or ()]
    volumes = pod.get("volumes") or ()
    projected = [s for v in volumes for s in (v.get("projected") or {}).get("sources") or ()]
    for kind, key_ref, ref, source in _SOURCES:
        for use in (v[key_ref] for v in variables if key_ref in v):
            yield kind, use["name"], [use["key"]], bool(use.get("optional"))
        for use in (e[ref] for e in imports if ref in e):
            yield kind, use["name"], [], bool(use.get("optional"))
        for use in (v[source] for v in [*volumes, *projected] if source in v):
            name = use.get("secretName") or use.get("name")
            yield kind, name, [item["key"] for item in use.get("items") or ()], bool(use.get("optional"))


class Requirements:
    """What is known of the Secrets and ConfigMaps that pods refer to: from the plan itself, or from facts.

    Attributes:
        config_maps: data of the ConfigMaps in the plan, by name.
        minted: names of the Secrets that the plan orders.
        held: problems of objects that the plan itself holds back, by key; who needs them waits for the same reason.
    """

    def __init__(
        self,
        instance: Instance,
        config_maps: Mapping[str, Mapping[str, str]],
        minted: set[str],
        held: Mapping[Key, Problem],
    ) -> None:
        self.instance, self.config_maps, self.minted, self.held = instance, config_maps, minted, held

    def problem(self, part: str, user: str, needs: Collection[Reference]) -> Problem | None:
        """Why `user`, an object of `part`, cannot have what it needs; None if it can.

        What somebody must mend comes first, and all of it at once.
        """
        if not needs:
            return None
        found = [self._problem(part, user, need) for need in sorted(needs, key=_order)]
        problems = list(dict.fromkeys(problem for problem in found if problem))
        loud = [problem for problem in problems if problem.warning]
        if loud:
            return replace(loud[0], message=" ".join(problem.message for problem in loud))
        return problems[0] if problems else None

    def _problem(self, part: str, user: str, need: Reference) -> Problem | None:
        what = f"{need.kind} {need.name}"
        held = self.held.get(Key(need.kind, self.instance.namespace, need.name))
        if held and not need.optional:
            return held
        if not self._known(need):
            return Problem(part, "ReferencePending", f"{user} waits until {what} has been looked up.", warning=False)
        fact = self._fact(need)
        missing = sorted(need.keys - fact.keys) if fact else []
        if need.optional or (fact and not missing):
            return None
        if need.kind == "Secret" and need.name in self.minted:
            return Problem(part, "SecretPending", f"{user} waits until {what} has been made.", warning=False)
        if not fact:
            return Problem(part, f"{need.kind}NotFound", f"{what} does not exist; {user} needs it.", about=what)
        keys = ", ".join(missing)
        return Problem(part, f"{need.kind}KeyNotFound", f"{what} lacks {keys}; {user} needs it.", about=what)

    def hashes(self, needs: Iterable[Reference], reloaded: frozenset[str] = frozenset()) -> dict[str, str]:
        """Annotations that change with the content of what a pod refers to, so that its change rolls the pod.

        Of Secrets with `reloaded` names, whose certificates the pod's programs read again, only the authorities count.
        """
        known = [(need, self._fact(need)) for need in sorted(needs, key=_order)]
        lines = [
            (need.kind, f"{need.kind}/{need.name}/{self._authorities(need, reloaded) or fact.digest}\n")
            for need, fact in known
            if fact
        ]
        return {
            constants.ANNOTATION_CONFIG_MAP_HASH: names.sha256(
                "".join(line for kind, line in lines if kind == "ConfigMap")
            ),
            constants.ANNOTATION_SECRET_HASH: names.sha256("".join(line for kind, line in lines if kind == "Secret")),
        }

    def _authorities(self, need: Reference, reloaded: frozenset[str]) -> str | None:
        if need.kind != "Secret" or need.name not in reloaded:
            return None
        certificate = self.instance.snapshot.certificates.get(Key("Secret", self.instance.namespace, need.name))
        return certificate.digests.get(TLS_CA_KEY) if certificate else None

    def _known(self, need: Reference) -> bool:
        planned = need.kind == "ConfigMap" and need.name in self.config_maps
        return planned or (need.kind, need.name) in self.instance.snapshot.data

    def _fact(self, need: Reference) -> ContentSummary | None:
        data = self.config_maps.get(need.name) if need.kind == "ConfigMap" else None
        if data is not None:
            return ContentSummary(frozenset(data), digest(data))
        return self.instance.snapshot.data.get((need.kind, need.name))


def digest(data: Mapping[str, Any]) -> str:
    return names.sha256(json.dumps(data, sort_keys=True))


def _order(need: Reference) -> tuple[str, str]:
    return need.kind, need.name
