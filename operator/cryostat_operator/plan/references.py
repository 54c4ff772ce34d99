"""Why Secrets and ConfigMaps that objects need are not usable yet, and the hash of their content."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from ..api import constants
from .instance import Instance
from .model import names
from .model.certificates import TLS_CA_KEY
from .model.desired_state import Blocked, Reference
from .model.kinds import Key
from .model.messages import counted, enumeration, message
from .model.problems import Problem
from .model.reasons import Reason
from .model.snapshot import ContentSummary
from .tls.specs import certificate_names

# Keys of the Secrets of the database and of the object storage, which no field of the spec names.
FIXED_KEYS = frozenset({"ACCESS_KEY", "SECRET_KEY", "CONNECTION_KEY", "ENCRYPTION_KEY"})
_NAMING_FIELDS = {"secretName": "Secret", "configMapName": "ConfigMap"}  # of the spec, at any depth
_COMPONENT = "core"  # of the problems: several components may need the same Secret


class Requirements:
    """Decides whether the Secrets and ConfigMaps that objects need are usable.

    The content of planned ConfigMaps comes from the plan, all other content from the snapshot.
    """

    def __init__(
        self,
        instance: Instance,
        config_maps: Mapping[str, Mapping[str, str]],
        requested: Collection[str],
        blocked: Mapping[Key, Blocked],
        hot_reloaded: Mapping[str, frozenset[str]],
        needs: Mapping[Key, frozenset[Reference]],
    ) -> None:
        """
        Args:
            config_maps: data of the planned ConfigMaps in the install namespace, by name.
            requested: names of the Secrets that the operator generates.
            blocked: objects that components block; objects that need them are blocked for the same reason.
            hot_reloaded: see `ComponentPlan.hot_reloaded`.
            needs: what objects need, by object: a message about a Secret or ConfigMap names all of them.
        """
        self._instance = instance
        self._config_maps = config_maps
        self._requested = requested
        self._blocked = blocked
        self._hot_reloaded = hot_reloaded
        self._needs = needs
        self._certificates = certificate_names(instance) if instance.tls_issuer == "cert-manager" else {}
        self._uses_of: dict[tuple[str, str], list[tuple[Key, Reference]]] = {}
        for key, references in needs.items():
            for each in references:
                self._uses_of.setdefault(_order(each), []).append((key, each))

    def blocked_by(self, key: Key) -> Problem | None:
        """Return why object `key` cannot be written yet; None if it can.

        Problems that a user has to solve come first, all of them in one message. Objects that miss the same Secret or
        ConfigMap have the same problem.
        """
        found = [self._problem(need) for need in sorted(self._needs.get(key, ()), key=_order)]
        problems = list(dict.fromkeys(problem for problem in found if problem))
        actionable = [problem for problem in problems if problem.actionable]
        if actionable:
            text = " ".join(problem.message for problem in actionable)
            return replace(actionable[0], message=text, included=tuple(actionable))
        return problems[0] if problems else None

    def _problem(self, need: Reference) -> Problem | None:
        what = f"{need.kind} {need.name}"
        blocked = self._blocked.get(Key(need.kind, self._instance.namespace, need.name))
        if blocked and not need.optional:
            return blocked.problem
        if not self._is_known(need):
            waiting, several = self._users(need, frozenset())
            text = f"{waiting} {'wait' if several else 'waits'} until {what} has been read."
            return Problem(_COMPONENT, Reason.REFERENCE_PENDING, text)
        content = self._content(need)
        if need.optional or (content and not content.missing(need.keys)):
            return None
        missing = content.missing(self._all_keys(need)) if content else frozenset[str]()
        if need.kind == "Secret" and need.name in self._requested:
            waiting, several = self._users(need, missing)
            text = f"{waiting} {'wait' if several else 'waits'} until the operator has generated {what}."
            return Problem(_COMPONENT, Reason.SECRET_PENDING, text)
        if certificate := self._certificates.get(need.name) if need.kind == "Secret" else None:
            return self._not_issued(need, certificate)
        reason, text = self._missing(need, missing, content)
        return Problem(_COMPONENT, reason, text, dedup_key=what)

    def _not_issued(self, need: Reference, certificate: str) -> Problem:
        """The problem of a Secret that cert-manager writes: it does so again if the Secret was deleted."""
        users, several = self._users(need, frozenset())
        text = message(
            f"Secret {need.name}",
            f"lacks the certificate that {users} {'need' if several else 'needs'}",
            cause=f"cert-manager has not issued it for Certificate {certificate}",
        )
        namespace = self._instance.namespace
        remedy = f"check that cert-manager runs, and see kubectl -n {namespace} describe certificate {certificate}"
        return Problem("tls", Reason.WAITING_FOR_CERTIFICATE, text, lasting_remedy=remedy)

    def _missing(self, need: Reference, missing: frozenset[str], content: ContentSummary | None) -> tuple[Reason, str]:
        """Reason and message for a Secret or ConfigMap that does not exist, or that lacks some keys."""
        fields = enumeration(sorted(self._fields.get((need.kind, need.name), ())))
        users, several = self._users(need, missing)
        what, needed = f"{need.kind} {need.name}", f"{users} {'need' if several else 'needs'}"
        keys = sorted(missing)
        if not keys:
            remedy = f"Create it, or correct {fields}" if fields else "Create it"
            return Reason(f"{need.kind}NotFound"), message(what, f"does not exist, but {needed} it", remedy=remedy)
        them = "them" if len(keys) > 1 else "it"
        remedy = f"Add {them}{_other_key(fields, keys)}" if fields else f"Add {them}"
        empty = [key for key in keys if content and key in content.empty]
        if empty:
            lacks, remedy = f"has no value in {_named(empty)}", f"Set {_named(keys)}"
        else:
            lacks = f"lacks {_named(keys)}"
        return Reason(f"{need.kind}KeyNotFound"), message(what, f"{lacks}, which {needed}", remedy=remedy)

    @cached_property
    def _fields(self) -> dict[tuple[str, str], list[str]]:
        """The paths of the fields of the spec that name a Secret or ConfigMap, by its kind and name."""
        spec = self._instance.cryostat.model_dump(by_alias=True)["spec"]
        found: dict[tuple[str, str], list[str]] = {}
        for kind, name, path in references_in(spec):
            found.setdefault((kind, name), []).append(path)
        return found

    def _uses(self, need: Reference) -> list[tuple[Key, Reference]]:
        """The objects that need the same Secret or ConfigMap, and how; without those that can be written without it."""
        uses = self._uses_of.get(_order(need), [])
        return [(key, each) for key, each in uses if each.optional == need.optional]

    def _all_keys(self, need: Reference) -> frozenset[str]:
        """The keys that any object needs of a Secret or ConfigMap."""
        return frozenset(key for _, each in self._uses(need) for key in each.keys)

    def _users(self, need: Reference, keys: frozenset[str]) -> tuple[str, bool]:
        """The objects that need a Secret or ConfigMap, and whether these are several.

        A claim is created after the keys of its data, but reads none: it is not named next to a Deployment.

        Args:
            keys: those that are missing; empty if all objects that need it are to be named.
        """
        users = list(dict.fromkeys(key for key, each in self._uses(need) if not keys or each.keys & keys))
        users = [key for key in users if key.kind != "PersistentVolumeClaim"] or users
        names: dict[str, list[str]] = {}
        for key in users:
            names.setdefault(key.kind, []).append(key.name)
        parts = [counted(kind, found) for kind, found in names.items()]
        return enumeration(parts), len(users) > 1

    def content_hashes(self, key: Key, needs: Iterable[Reference]) -> dict[str, str]:
        """Return annotations for the pods of Deployment `key` that change with the content of what it needs.

        Of hot-reloaded Secrets only the trusted authorities count.
        """
        lines: dict[str, str] = {"ConfigMap": "", "Secret": ""}
        for need in sorted(needs, key=_order):
            digest = self._digest(key, need)
            if digest:
                lines[need.kind] += f"{need.kind}/{need.name}/{digest}\n"
        return {
            constants.ANNOTATION_CONFIG_MAP_HASH: names.sha256(lines["ConfigMap"]),
            constants.ANNOTATION_SECRET_HASH: names.sha256(lines["Secret"]),
        }

    def login_hash(self, key: Key) -> dict[str, str]:
        """Return an annotation of the pods of the main Deployment with a hash of the users' passwords, or nothing."""
        instance = self._instance
        content = instance.snapshot.data.get(("Secret", instance.login_secret)) if instance.login_secret else None
        if key.name != instance.name or not content:
            return {}
        return {constants.ANNOTATION_LOGIN_HASH: names.sha256(f"login/{content.digest}")[:16]}

    def _digest(self, key: Key, need: Reference) -> str:
        """Digest of the content that the pods of Deployment `key` must be restarted for; empty without content."""
        content = self._content(need)
        if not content:
            return ""
        if need.kind == "Secret" and need.name in self._hot_reloaded.get(key.name, frozenset()):
            return self._authorities_digest(need.name) or content.digest
        return content.digest

    def _authorities_digest(self, secret: str) -> str | None:
        """Digest of the authorities in a Secret with a certificate; None where it has none."""
        certificate = self._instance.snapshot.certificates.get(Key("Secret", self._instance.namespace, secret))
        return certificate.digests.get(TLS_CA_KEY) if certificate else None

    def _is_known(self, need: Reference) -> bool:
        planned = need.kind == "ConfigMap" and need.name in self._config_maps
        return planned or (need.kind, need.name) in self._instance.snapshot.data

    def _content(self, need: Reference) -> ContentSummary | None:
        data = self._config_maps.get(need.name) if need.kind == "ConfigMap" else None
        if data is not None:
            return ContentSummary(frozenset(data), content_digest(data))
        return self._instance.snapshot.data.get((need.kind, need.name))


def references_in(value: object, path: str = "spec") -> Iterator[tuple[str, str, str]]:
    """Yield kind and name of each Secret and ConfigMap that a spec names, and the path of the field."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in _NAMING_FIELDS and isinstance(each, str):
                yield _NAMING_FIELDS[key], each, f"{path}.{key}"
            yield from references_in(each, f"{path}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from references_in(each, f"{path}[{index}]")


def _named(keys: list[str]) -> str:
    """Keys in a sentence: `the key a`, or `the keys a and b`."""
    return f"the {counted('key', keys)}"


def _other_key(fields: str, keys: list[str]) -> str:
    """The end of a remedy: the spec names the key, or the names of the keys are fixed."""
    if FIXED_KEYS.isdisjoint(keys):
        return f", or correct the name of the key next to {fields}"
    return f", or name another Secret in {fields}; the names of the keys are fixed"


def content_digest(data: Mapping[str, Any]) -> str:
    """Return a digest of the data of a ConfigMap that does not depend on the order of its keys."""
    return names.sha256(json.dumps(data, sort_keys=True))


def _order(need: Reference) -> tuple[str, str]:
    return need.kind, need.name
