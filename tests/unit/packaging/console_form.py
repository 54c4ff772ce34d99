"""Reads descriptors of the console's form, and the schemas of their fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from cryostat_operator.api import constants, v1beta1
from cryostat_operator.packaging.crds import crd
from cryostat_operator.plan.model.kinds import Obj

VERSIONS = (constants.VERSION, v1beta1.VERSION)
URN = "urn:alm:descriptor:"
UI = f"{URN}com.tectonic.ui:"


@cache
def schema_of(version: str) -> Obj:
    """The schema of a version in the CRD."""
    found: Obj = next(each for each in crd()["spec"]["versions"] if each["name"] == version)
    return found["schema"]["openAPIV3Schema"]  # type: ignore[no-any-return]


def at(schema: Obj, path: str) -> Obj | None:
    """The schema of `a.b[0].c`."""
    for step in re.sub(r"\[\d+\]", ".[]", path).split("."):
        schema = schema.get("items", {}) if step == "[]" else schema.get("properties", {}).get(step, {})
    return schema or None


def parent(path: str) -> str:
    return re.sub(r"(\.?[^.\[]+|\[\d+\])$", "", path)


def capabilities(descriptor: Obj) -> Iterator[tuple[str, str]]:
    """The kind and argument of each x-descriptor."""
    for text in descriptor.get("x-descriptors", ()):
        if text.startswith(f"{URN}io.kubernetes:"):
            yield "io.kubernetes", text.removeprefix(f"{URN}io.kubernetes:")
        else:
            kind, _, argument = text.removeprefix(UI).partition(":")
            yield kind, argument


def kinds(descriptor: Obj) -> set[str]:
    return {kind for kind, _ in capabilities(descriptor)}
