"""Reads names from the sources of Cryostat: fields, variables, images, values and requests.

Each function takes the root directory of a checkout and returns a set of names. Only names are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

CRD = "config/crd/bases/operator.cryostat.io_cryostats.yaml"
IMAGES = "config/default/image_tag_patch.yaml"
DEFINITIONS = "internal/controller/common/resource_definitions"
INJECTION = "internal/webhook/agent"
APPLICATION_PROPERTIES = "src/main/resources/application.properties"
ENTRY_SCRIPT = "src/main/docker/include/entrypoint.bash"
JAVA = "src/main/java"
AGENT_CONFIGURATION = "src/main/java/io/cryostat/agent/ConfigModule.java"
AGENT_CLIENT = "src/main/java/io/cryostat/agent/CryostatClient.java"
CHART_VALUES = "charts/cryostat/values.yaml"

PLACEHOLDER = "{}"
"""Placeholder for a part of a path that is known only when a request is sent."""

_SET_VARIABLE = re.compile(r'\bName:\s*"([A-Z][A-Z0-9]*_[A-Z0-9_]+)"')
_SHELL_VARIABLE = re.compile(r"\$\{?([A-Z][A-Z0-9]*_[A-Z0-9_]+)")
_PROPERTY_LINE = re.compile(r"^%?([\w.\"/-]+)\s*=", re.MULTILINE)
_PROPERTY_LITERAL = re.compile(r'"((?:cryostat|storage|grafana-[a-z-]+)(?:\.[a-z0-9-]+)+|[a-z-]+-dir)"')
_GETENV = re.compile(r'getenv\(\s*"([A-Z0-9_]+)"')
_VARIABLE_CONSTANT = re.compile(r'_ENV_VAR\s*=\s*"([A-Z0-9_]+)"')
_CONSTANT = re.compile(r'\bString\s+([A-Z0-9_]+)\s*=\s*"([^"]*)"\s*;')
_REQUEST = re.compile(r"(?:new Http(Get|Head|Post|Put|Patch|Delete)\(\s*)?\bbaseUri\s*\.\s*resolve\(")
# Prefixes of the properties of libraries. Their names do not depend on Cryostat.
_LIBRARIES = ("quarkus.", "org.", "mp.", "smallrye.", "kubernetes.")


def is_of_library(variable: str) -> bool:
    """Whether a library of the application reads the variable. The application's sources do not name such variables."""
    return variable.startswith(("QUARKUS_", "AWS_"))


class MissingFileError(Exception):
    """A checkout lacks a file. The message names the path."""


def crd_fields(root: Path) -> set[str]:
    """The paths of all fields of a Cryostat, each after its version: `v1beta2 spec.targetNamespaces[]`."""
    return crd_paths(yaml.safe_load(_read(root, CRD)))


def crd_paths(crd: dict[str, Any]) -> set[str]:
    """The paths of all fields in a CustomResourceDefinition."""
    return {
        f"{version['name']} {path}"
        for version in crd["spec"]["versions"]
        for path in _schema_paths(version["schema"]["openAPIV3Schema"], "")
        if not path.startswith("metadata")
    }


def _schema_paths(schema: dict[str, Any], path: str) -> Iterator[str]:
    if path:
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from _schema_paths(inner, f"{path}.{name}" if path else name)
    for suffix, inner in (("[]", schema.get("items")), (".*", schema.get("additionalProperties"))):
        if isinstance(inner, dict):
            yield from _schema_paths(inner, path + suffix)


def operand_variables(root: Path) -> set[str]:
    """The environment variables that the Go operator sets in pods of an instance and in pods with an agent."""
    texts = (*_texts(root, DEFINITIONS, ".go"), *_texts(root, INJECTION, ".go"))
    return {name for text in texts for name in _SET_VARIABLE.findall(text)}


def images(root: Path) -> set[str]:
    """Images by the variable that selects them, without tag: `RELATED_IMAGE_CORE quay.io/cryostat/cryostat`.

    Tags of releases are separate names: `RELATED_IMAGE_CORE 4.2.0`.
    """
    document = yaml.safe_load(_read(root, IMAGES))
    [container] = document["spec"]["template"]["spec"]["containers"]
    return {
        name
        for variable in container["env"]
        if variable["name"].startswith("RELATED_IMAGE_")
        for name in image_names(variable["name"], variable["value"])
    }


def image_names(variable: str, reference: str) -> Iterator[str]:
    """Yield the names of an image: its repository, and its tag unless it is `latest` or of a development version."""
    place, _, last = reference.partition("@")[0].rpartition("/")
    name, _, tag = last.partition(":")
    yield f"{variable} {place}/{name}"
    if re.fullmatch(r"v?\d+(\.\d+)*", tag):
        yield f"{variable} {tag}"


def application_variables(root: Path) -> set[str]:
    """The variables that the application reads, apart from those of its libraries."""
    properties = set(_PROPERTY_LINE.findall(_read(root, APPLICATION_PROPERTIES)))
    variables = set(_SHELL_VARIABLE.findall(_read(root, ENTRY_SCRIPT)))
    for text in _texts(root, JAVA, ".java"):
        properties |= set(_PROPERTY_LITERAL.findall(text))
        variables |= {*_GETENV.findall(text), *_VARIABLE_CONSTANT.findall(text)}
    own = (name for name in properties if not name.startswith(_LIBRARIES))
    return variables | {variable_of(name) for name in own}


def agent_variables(root: Path) -> set[str]:
    """The variables that the agent reads."""
    names = (value for _, value in _CONSTANT.findall(_read(root, AGENT_CONFIGURATION)))
    return {variable_of(name) for name in names if name.startswith("cryostat.agent.")}


def variable_of(name: str) -> str:
    """The environment variable of a property, as MicroProfile Config derives it."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def agent_requests(root: Path) -> set[str]:
    """The requests of the agent: `POST /api/beta/recordings/{}`, without the method if the source does not show it."""
    text = _read(root, AGENT_CLIENT)
    constants = dict(_CONSTANT.findall(text))
    found = set()
    for match in _REQUEST.finditer(text):
        path = _path(_argument(text, match.end()), constants)
        found.add(f"{match[1].upper()} {path}" if match[1] else path)
    return found


def _argument(text: str, start: int) -> str:
    """The text up to the parenthesis that closes the one before `start`."""
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return text[start:position]
    return text[start:]


def _path(expression: str, constants: dict[str, str]) -> str:
    """The value of a concatenation of literals and constants."""
    parts = []
    for part in (each.strip() for each in expression.split("+")):
        literal = part.startswith('"') and part.endswith('"')
        parts.append(part[1:-1] if literal else constants.get(part, PLACEHOLDER))
    return "".join(parts)


def chart_values(root: Path) -> dict[str, Any]:
    """The default values of the chart."""
    values: dict[str, Any] = yaml.safe_load(_read(root, CHART_VALUES))
    return values


def leaves(values: Any, path: str = "") -> Iterable[str]:
    """The paths of all values except mappings, and of empty mappings."""
    if not isinstance(values, dict) or not values:
        return [path]
    return [leaf for key, inner in values.items() for leaf in leaves(inner, f"{path}.{key}" if path else str(key))]


def _read(root: Path, path: str) -> str:
    try:
        return (root / path).read_text(encoding="utf-8")
    except OSError:
        raise MissingFileError(f"{root} has no file {path}; is it the right repository?") from None


def _texts(root: Path, directory: str, suffix: str) -> list[str]:
    files = sorted((root / directory).rglob(f"*{suffix}"))
    if not files:
        raise MissingFileError(f"{root} has no file {directory}/*{suffix}; is it the right repository?")
    return [
        file.read_text(encoding="utf-8", errors="replace")
        for file in files
        if not file.stem.endswith("_test") and "test" not in file.relative_to(root / directory).parts
    ]
