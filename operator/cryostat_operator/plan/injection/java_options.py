"""Adds variables to a container and the agent to its Java options. Values that the author of the pod set are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .. import builders
from ..model.kinds import Obj
from .pod_fields import NotInjectableError

# Holds the author's own options if they come from a ConfigMap, a Secret or another reference.
INHERITED_OPTIONS = "CRYOSTAT_AGENT_GIVEN_JAVA_OPTIONS"

Keys = Mapping[tuple[str, str], frozenset[str] | None]
"""Keys of ConfigMaps and Secrets by (kind, name); None if the object does not exist; no entry if it was not read."""


class Source(NamedTuple):
    """A ConfigMap or Secret of which a container gets all keys as variables (`envFrom`)."""

    kind: str
    name: str
    prefix: str
    optional: bool


def sources(container: Obj) -> list[Source]:
    """Return the ConfigMaps and Secrets in `envFrom` of a container."""
    found = []
    for each in container.get("envFrom") or []:
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if reference := each.get(field):
                name, optional = str(reference.get("name") or ""), reference.get("optional") is True
                found.append(Source(kind, name, str(each.get("prefix") or ""), optional))
    return found


def agent_paths(options: str) -> list[str]:
    """Return the JAR of each Cryostat agent in Java options, as given after `-javaagent:`.

    The options are split into words and compared. A regular expression would take quadratic time on hostile input.
    """
    found = []
    for word in options.split():
        flag, separator, rest = word.strip("\"'").partition("-javaagent:")
        path = rest.partition("=")[0].strip("\"'")
        if separator and not flag and "cryostat-agent" in path and path.endswith(".jar"):
            found.append(path)
    return found


class ContainerVariables:
    """The variables of one container.

    Args:
        container: is changed by `add` and `append_option`.
        keys: the content of `envFrom`, as far as it was read.
        secrets_unread: whether Secrets were not read on purpose. Options in them are then taken over by reference.
    """

    def __init__(self, container: Obj, keys: Keys, *, secrets_unread: bool = False) -> None:
        self._container = container
        self._unknown: list[Source] = []
        self._unread_secrets: list[Source] = []
        self._taken: set[str] = set()
        self.hints: list[str] = []
        for source in sources(container):
            known = keys.get((source.kind, source.name))
            if known is not None:
                self._taken |= {source.prefix + key for key in known}
            elif secrets_unread and source.kind == "Secret":
                self._unread_secrets.append(source)
            elif not source.optional or (source.kind, source.name) not in keys:
                self._unknown.append(source)

    def add(self, variables: Iterable[Obj]) -> None:
        """Add variables, except those that the container already has."""
        entries: list[Obj] = self._container.setdefault("env", [])
        own: dict[str, Any] = {entry["name"]: entry for entry in entries}
        kept = []
        for entry in variables:
            name = entry["name"]
            if name in self._taken or (name in own and not _is_same(own[name], entry)):
                kept.append(name)
            elif name not in own:
                entries.append(entry)
        if kept:
            self.hints.append(f"{', '.join(kept)}: already set, and not changed")

    def append_option(self, variable: str, option: str) -> None:
        """Append an option to a variable and keep its current value.

        Raises:
            NotInjectableError: the present value cannot be kept, or has another Cryostat agent.
        """
        entries: list[Obj] = self._container["env"]
        places = [index for index, entry in enumerate(entries) if entry["name"] == variable]
        if not places:
            self._append_to_source(variable, option)
            return
        entry = entries[places[-1]]  # of several entries of one name, the last one is effective
        value = entry.get("value") or ""
        present, own = agent_paths(value), agent_paths(option)
        if any(path not in own for path in present):
            raise NotInjectableError(f"{variable} has another Cryostat agent; remove that agent")
        if "valueFrom" in entry:
            self._append_to_reference(places[-1], variable, option)
        elif not present:
            entry["value"] = f"{value} {option}".strip()

    def _append_to_source(self, variable: str, option: str) -> None:
        entries = self._container["env"]
        if variable in self._taken:
            option = f"$({variable}) {option}"
        elif self._unknown:
            unknown = ", ".join(f"{source.kind} {source.name}" for source in self._unknown)
            raise NotInjectableError(
                f"{variable} may come from {unknown}, which cannot be read; "
                f"set {variable} in the container, or choose another variable with cryostat.io/java-options-var"
            )
        elif inherited := self._from_unread_secrets(variable):
            entries += inherited
            option = f"$({INHERITED_OPTIONS}) {option}"
        entries.append(builders.env(variable, option))

    def _from_unread_secrets(self, variable: str) -> list[Obj]:
        """Return entries that hold the value of a variable from Secrets, or an empty text if no Secret has it.

        The kubelet evaluates the entries in their order and skips an optional reference without a value, so the last
        Secret that has the key is effective, as in `envFrom`.
        """
        references = [
            {"name": source.name, "key": variable.removeprefix(source.prefix), "optional": True}
            for source in self._unread_secrets
            if variable.startswith(source.prefix) and variable != source.prefix
        ]
        if not references:
            return []
        entries = [{"name": INHERITED_OPTIONS, "valueFrom": {"secretKeyRef": each}} for each in references]
        return [builders.env(INHERITED_OPTIONS, ""), *entries]

    def _append_to_reference(self, place: int, variable: str, option: str) -> None:
        entries = self._container["env"]
        source = entries[place]["valueFrom"]
        if any(isinstance(each, dict) and each.get("optional") for each in source.values()):
            # Without the key the kubelet leaves the text `$(…)` in the value, and the JVM does not start.
            raise NotInjectableError(
                f"{variable} comes from an optional reference, which may be missing; make the reference required, "
                "or choose another variable with cryostat.io/java-options-var"
            )
        entries[place] = {"name": INHERITED_OPTIONS, "valueFrom": source}
        entries.append(builders.env(variable, f"$({INHERITED_OPTIONS}) {option}"))


def _is_same(a: Obj, b: Obj) -> bool:
    """Whether two entries have the same value. The API server adds `apiVersion` to field references."""
    field = ((a.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
    if field is not None:
        return bool(field == ((b.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath"))
    return (a.get("value") or "") == (b.get("value") or "")
