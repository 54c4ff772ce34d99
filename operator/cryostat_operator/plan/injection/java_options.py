"""Adds variables to a container and the agent to its Java options. Values that the author of the pod set are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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


def sources(container: Obj) -> list[Source]:
    """Return the ConfigMaps and Secrets in `envFrom` of a container."""
    found = []
    for each in container.get("envFrom") or []:
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if reference := each.get(field):
                found.append(Source(kind, str(reference.get("name") or ""), str(each.get("prefix") or "")))
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
    """

    def __init__(self, container: Obj, keys: Keys) -> None:
        self._container = container
        self._sources: list[tuple[Source, frozenset[str] | None]] = []  # with their keys, as far as these are known
        self._taken: set[str] = set()  # names of variables from `envFrom`
        self.hints: list[str] = []
        for source in sources(container):
            known = keys.get((source.kind, source.name))
            self._taken |= {source.prefix + key for key in known or ()}
            self._sources.append((source, known))
            # Secrets are usually not read.
            if source.kind == "ConfigMap" and (source.kind, source.name) not in keys:
                self.hints.append(
                    f"ConfigMap {source.name} cannot be read: variables of the agent in it have no effect"
                )

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
            NotInjectableError: the present value has another Cryostat agent.
        """
        entries: list[Obj] = self._container["env"]
        places = [index for index, entry in enumerate(entries) if entry["name"] == variable]
        if not places:
            entries += _continued(variable, option, [_reference(*each) for each in self._references(variable)])
            return
        place = places[-1]  # of several entries of one name, the last one is effective
        value = entries[place].get("value") or ""
        present, own = agent_paths(value), agent_paths(option)
        if any(path not in own for path in present):
            raise NotInjectableError(f"{variable} has another Cryostat agent; remove that agent")
        if "valueFrom" in entries[place]:
            # At the same place, because later variables may refer to this one.
            given = [*(_reference(*each) for each in self._references(variable)), entries[place]["valueFrom"]]
            entries[place : place + 1] = _continued(variable, option, given if _is_optional(given[-1]) else given[-1:])
        elif not present:
            entries[place]["value"] = f"{value} {option}".strip()

    def _references(self, variable: str) -> Iterator[tuple[Source, str]]:
        """Yield the ConfigMaps and Secrets in `envFrom` that have, or may have, a variable, each with its key."""
        for source, known in self._sources:
            key = variable.removeprefix(source.prefix)
            if variable.startswith(source.prefix) and key and (known is None or key in known):
                yield source, key


def _reference(source: Source, key: str) -> Obj:
    """Return an optional reference: the key may be missing when the container starts, also at a later start."""
    field = "configMapKeyRef" if source.kind == "ConfigMap" else "secretKeyRef"
    return {field: {"name": source.name, "key": key, "optional": True}}


def _continued(variable: str, option: str, given: list[Obj]) -> list[Obj]:
    """Return entries for a variable with an option after a value that is given by references.

    The kubelet evaluates the entries in their order and skips an optional reference without a value, so the last
    reference that has a value is effective, as in `envFrom`. Without any value it would leave the text `$(…)`, and the
    JVM would not start, so an empty value precedes optional references.
    """
    if not given:
        return [builders.env(variable, option)]
    empty = [builders.env(INHERITED_OPTIONS, "")] if any(map(_is_optional, given)) else []
    inherited = [{"name": INHERITED_OPTIONS, "valueFrom": source} for source in given]
    return [*empty, *inherited, builders.env(variable, f"$({INHERITED_OPTIONS}) {option}")]


def _is_optional(source: Obj) -> bool:
    """Whether the kubelet skips a reference without a value. Then the value from `envFrom` is effective."""
    return any(isinstance(each, dict) and bool(each.get("optional")) for each in source.values())


def _is_same(a: Obj, b: Obj) -> bool:
    """Whether two entries have the same value. The API server adds `apiVersion` to field references."""
    field = ((a.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
    if field is not None:
        return bool(field == ((b.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath"))
    return (a.get("value") or "") == (b.get("value") or "")
