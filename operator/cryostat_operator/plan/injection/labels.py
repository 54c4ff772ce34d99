"""What the labels of a pod ask of the agent."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from ...api import constants
from ...api.base import DNS_SUBDOMAIN
from ...api.spec_warnings import suggestion
from ..builders import quantity

T = TypeVar("T")

PREFIX = "cryostat.io/"
SMART_TRIGGERS = f"{PREFIX}smart-triggers"  # also an annotation: the value of a label cannot name several ConfigMaps
DEFAULT_PORT = 9977
DEFAULT_VARIABLE = "JAVA_TOOL_OPTIONS"
LOG_LEVELS = ("off", "error", "warn", "info", "debug", "trace")

_KEYS = (
    "name", "namespace", "log-level", "callback-port", "container", "read-only", "java-options-var",
    "harvester-template", "harvester-period", "harvester-max-files", "harvester-exit-max-age",
    "harvester-exit-max-size", "smart-triggers",
)  # fmt: skip
_LARGEST = 2**63 - 1
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|ms|s|m|h)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


@dataclass(frozen=True)
class Harvester:
    """When the agent writes recordings by itself: periods and ages in milliseconds, sizes in bytes."""

    template: str
    period: int | None
    max_files: int | None
    exit_max_age: int
    exit_max_size: int


@dataclass(frozen=True)
class Options:
    """The wishes of a pod, each with its default."""

    log_level: str
    callback_port: int
    container: str | None
    read_only: bool
    java_options_variable: str
    harvester: Harvester | None
    smart_triggers: tuple[str, ...]


@dataclass(frozen=True)
class ParsedLabels:
    """Options, None where some label makes no sense; then `errors` says which. `hints` are about harmless things."""

    options: Options | None
    errors: tuple[str, ...]
    hints: tuple[str, ...]


def instance_of(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """Namespace and name of the Cryostat that the labels name, None where they name none."""
    namespace, name = labels.get(constants.AGENT_LABEL_NAMESPACE), labels.get(constants.AGENT_LABEL_NAME)
    return (namespace, name) if namespace and name else None


def read(labels: Mapping[str, str], annotations: Mapping[str, str]) -> ParsedLabels:
    """The wishes that labels and annotations of a pod express."""
    reader = _Reader(labels)
    template = labels.get(f"{PREFIX}harvester-template")
    harvester = Harvester(
        template=template or "",
        period=reader.value("harvester-period", duration, None),
        max_files=reader.value("harvester-max-files", lambda text: number(text, 1, 2**31 - 1), None),
        exit_max_age=reader.value("harvester-exit-max-age", duration, 30_000),
        exit_max_size=reader.value("harvester-exit-max-size", size, 20_971_520),
    )
    options = Options(
        log_level=labels.get(f"{PREFIX}log-level") or "off",
        callback_port=reader.value("callback-port", lambda text: number(text, 1, 65535), DEFAULT_PORT),
        container=labels.get(f"{PREFIX}container") or None,
        read_only=reader.value("read-only", boolean, False),
        java_options_variable=reader.value("java-options-var", variable, DEFAULT_VARIABLE),
        harvester=harvester if template else None,
        smart_triggers=reader.triggers(annotations),
    )
    errors = tuple(reader.errors)
    return ParsedLabels(None if errors else options, errors, tuple(_hints(labels, options)))


def _hints(labels: Mapping[str, str], options: Options) -> Iterable[str]:
    if options.log_level not in LOG_LEVELS:
        yield f"{PREFIX}log-level: {options.log_level} is not known; {suggestion(options.log_level, LOG_LEVELS)}"
    for label in labels:
        key = label.removeprefix(PREFIX)
        if label.startswith(PREFIX) and key not in _KEYS:
            yield f"{label} is not known; {suggestion(key, _KEYS)}"
        if key.startswith("harvester-") and label.startswith(PREFIX) and options.harvester is None:
            yield f"{label} has no effect without {PREFIX}harvester-template"


class _Reader:
    """Reads labels and notes those that cannot be understood."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels
        self.errors: list[str] = []

    def value(self, key: str, parse: Callable[[str], Any], default: Any) -> Any:
        text = self._labels.get(f"{PREFIX}{key}")
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.errors.append(f'label {PREFIX}{key}: "{text}" is not {error}')
            return default

    def triggers(self, annotations: Mapping[str, str]) -> tuple[str, ...]:
        found: list[str] = []
        for source in (annotations.get(SMART_TRIGGERS, ""), self._labels.get(SMART_TRIGGERS, "")):
            found += [name for name in (part.strip() for part in source.split(",")) if name]
        for name in found:
            if len(name) > 253 or not re.match(DNS_SUBDOMAIN, name):
                self.errors.append(f'{SMART_TRIGGERS}: "{name}" is not the name of a ConfigMap')
        return tuple(dict.fromkeys(found))


def number(text: str, least: int, most: int) -> int:
    """A decimal number. Raises ValueError with what was expected."""
    if not re.fullmatch(r"\d{1,19}", text) or not least <= int(text) <= most:
        raise ValueError(f"a number from {least} to {most}")
    return int(text)


def boolean(text: str) -> bool:
    """A truth value as Go reads it. Raises ValueError."""
    if text not in _TRUE + _FALSE:
        raise ValueError("true or false")
    return text in _TRUE


def variable(text: str) -> str:
    """The name of an environment variable. Raises ValueError."""
    if not _VARIABLE.fullmatch(text):
        raise ValueError("the name of an environment variable")
    return text


def duration(text: str) -> int:
    """A duration as Go writes it (`1h30m`, `1.5s`), in whole milliseconds. Raises ValueError."""
    parts = _DURATION.findall(text)
    if text == "0":
        return 0
    if not parts or "".join(amount + unit for amount, unit in parts) != text:
        raise ValueError("a duration such as 30s or 1h30m")
    nanoseconds = sum(Decimal(amount) * _NANOSECONDS[unit] for amount, unit in parts)
    if nanoseconds > _LARGEST:
        raise ValueError("a duration of less than 292 years")
    return int(nanoseconds // 10**6)


def size(text: str) -> int:
    """A Kubernetes quantity in whole bytes. Raises ValueError."""
    try:
        found = math.ceil(quantity(text))
    except (ValueError, ArithmeticError):
        found = -1
    if not 0 <= found <= _LARGEST:
        raise ValueError("a size such as 20Mi")
    return found
