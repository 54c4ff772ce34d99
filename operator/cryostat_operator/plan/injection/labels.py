"""Options of the agent, as given by the labels and annotations of a pod."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from typing import Any

from ...api import constants
from ...api.base import DNS_SUBDOMAIN
from ...api.spec_warnings import suggestion
from ..model.kinds import InstanceKey, Obj
from ..quantities import quantity
from .label_hints import CONTAINER, KEYS, PREFIX, SMART_TRIGGERS, misplaced_keys

DEFAULT_PORT = 9977
DEFAULT_VARIABLE = "JAVA_TOOL_OPTIONS"
LOG_LEVELS = ("off", "error", "warn", "info", "debug", "trace")

# Kubernetes limits the values of labels to 63 characters. Reviews can also come from other callers than the API server.
MAX_LABEL_LENGTH = 63
MAX_SMART_TRIGGERS = 64
MAX_CONTAINERS = 16
MAX_HINTS = 10
_MAX_INT64 = 2**63 - 1
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
# Possessive quantifiers: no backtracking, so the time is linear in the length.
_DURATION_PART = re.compile(r"([0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(ns|us|ms|s|m|h)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


@dataclass(frozen=True)
class Harvester:
    """When the agent pushes recordings. Periods and ages are in milliseconds, sizes in bytes."""

    template: str
    period: int | None
    max_files: int | None
    exit_max_age: int
    exit_max_size: int


@dataclass(frozen=True)
class AgentOptions:
    """The options that a pod sets for its agent, or their defaults.

    Attributes:
        callback_port: of the agent in the first container; those in further containers have the next ports.
        containers: names of the containers that get the agent; empty if the pod names none.
    """

    log_level: str
    callback_port: int
    containers: tuple[str, ...]
    read_only: bool
    java_options_variable: str
    harvester: Harvester | None
    smart_triggers: tuple[str, ...]


@dataclass(frozen=True)
class ParsedLabels:
    """The result of parsing.

    Attributes:
        options: None if a label is invalid; `errors` then says which.
        hints: warnings about labels that have no effect.
    """

    options: AgentOptions | None
    errors: tuple[str, ...]
    hints: tuple[str, ...]


def requested_instance(labels: Mapping[str, str]) -> InstanceKey | None:
    """Return the Cryostat that the labels name, or None if a label is missing."""
    namespace, name = labels.get(constants.AGENT_LABEL_NAMESPACE), labels.get(constants.AGENT_LABEL_NAME)
    return InstanceKey(namespace, name) if namespace and name else None


def requested_options(pod: Obj) -> ParsedLabels:
    """Parse the labels and annotations of a pod or pod template."""
    metadata = pod.get("metadata") or {}
    return parse_labels(metadata.get("labels") or {}, metadata.get("annotations") or {})


def parse_labels(labels: Mapping[str, str], annotations: Mapping[str, str]) -> ParsedLabels:
    """Parse the `cryostat.io/` labels, and the annotations with smart triggers and containers."""
    reader = LabelReader(labels)
    containers = reader.names(CONTAINER, annotations, "containers", MAX_CONTAINERS)
    last_port = 65535 - max(len(containers) - 1, 0)
    template = labels.get(f"{PREFIX}harvester-template")
    harvester = Harvester(
        template=template or "",
        period=reader.value("harvester-period", parse_duration, None),
        max_files=reader.value("harvester-max-files", lambda text: parse_number(text, 1, 2**31 - 1), None),
        exit_max_age=reader.value("harvester-exit-max-age", parse_duration, 30_000),
        exit_max_size=reader.value("harvester-exit-max-size", parse_size, 20_971_520),
    )
    options = AgentOptions(
        log_level=labels.get(f"{PREFIX}log-level") or "off",
        callback_port=reader.value("callback-port", lambda text: parse_number(text, 1, last_port), DEFAULT_PORT),
        containers=containers,
        read_only=reader.value("read-only", parse_boolean, False),
        java_options_variable=reader.value("java-options-var", parse_variable, DEFAULT_VARIABLE),
        harvester=harvester if template else None,
        smart_triggers=reader.smart_triggers(annotations),
    )
    errors = tuple(reader.errors)
    return ParsedLabels(None if errors else options, errors, tuple(warnings(labels, annotations, options)))


def warnings(labels: Mapping[str, str], annotations: Mapping[str, str], options: AgentOptions) -> list[str]:
    """Return warnings about labels and annotations that are unknown or have no effect, at most `MAX_HINTS`."""
    found = chain(_warnings(labels, options), misplaced_keys(labels, annotations))
    return list(islice(found, MAX_HINTS))


def _warnings(labels: Mapping[str, str], options: AgentOptions) -> Iterator[str]:
    if options.log_level not in LOG_LEVELS:
        level = options.log_level[:MAX_LABEL_LENGTH]
        yield f"{PREFIX}log-level: {level} is not known; {suggestion(level, LOG_LEVELS)}"
    for label in labels:
        if not label.startswith(PREFIX):
            continue
        key = label.removeprefix(PREFIX)[:MAX_LABEL_LENGTH]
        if key not in KEYS:
            yield f"{PREFIX}{key} is not known; {suggestion(key, KEYS)}"
        if key.startswith("harvester-") and options.harvester is None:
            yield f"{PREFIX}{key} has no effect without {PREFIX}harvester-template"


class LabelReader:
    """Reads labels and collects an error for each value that is invalid."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels
        self.errors: list[str] = []

    def value(self, key: str, parse: Callable[[str], Any], default: Any) -> Any:
        """Return the parsed value, or `default` if the label is missing or invalid.

        Args:
            parse: raises ValueError for an invalid value; its text describes valid values and ends the message.
        """
        text = self._labels.get(f"{PREFIX}{key}")
        if text is None:
            return default
        if len(text) > MAX_LABEL_LENGTH:
            self.errors.append(f"label {PREFIX}{key} has more than {MAX_LABEL_LENGTH} characters")
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.errors.append(f'label {PREFIX}{key}: "{text}" is not {error}')
            return default

    def smart_triggers(self, annotations: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names of the ConfigMaps in the annotation and in the label, without repetitions."""
        found = self.names(SMART_TRIGGERS, annotations, "ConfigMaps", MAX_SMART_TRIGGERS)
        for name in found:
            if len(name) > 253 or not re.fullmatch(DNS_SUBDOMAIN, name):
                self.errors.append(f'{SMART_TRIGGERS}: "{name[:253]}" is not the name of a ConfigMap')
        return found

    def names(self, key: str, annotations: Mapping[str, str], objects: str, maximum: int) -> tuple[str, ...]:
        """Return the names in an annotation, separated by commas, and then those in the label of the same key."""
        text = f"{annotations.get(key, '')},{self._labels.get(key, '')}"
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if len(found) > maximum:
            self.errors.append(f"{key} names {len(found)} {objects}; {maximum} are allowed")
            return ()
        return found


def parse_number(text: str, minimum: int, maximum: int) -> int:
    """Parse a decimal number. Raises ValueError with a description of valid values."""
    digits = text.isascii() and text.isdecimal() and len(text) <= 19
    if not digits or not minimum <= int(text) <= maximum:
        raise ValueError(f"a number from {minimum} to {maximum}")
    return int(text)


def parse_boolean(text: str) -> bool:
    """Parse a boolean as Go's `strconv.ParseBool` does. Raises ValueError."""
    if text not in _TRUE + _FALSE:
        raise ValueError("true or false")
    return text in _TRUE


def parse_variable(text: str) -> str:
    """Check the name of an environment variable. Raises ValueError."""
    if not _VARIABLE.fullmatch(text):
        raise ValueError("the name of an environment variable")
    return text


def parse_duration(text: str) -> int:
    """Parse a duration as Go's `time.ParseDuration` does (`1h30m`, `1.5s`).

    Returns:
        Whole milliseconds.

    Raises:
        ValueError: the text is not a duration, is negative, or exceeds 64 bits of nanoseconds.
    """
    if text == "0":
        return 0
    position, nanoseconds = 0, Decimal(0)
    while position < len(text) <= MAX_LABEL_LENGTH:
        part = _DURATION_PART.match(text, position)
        if part is None:
            break
        amount, unit = part.groups()
        nanoseconds += Decimal(amount) * _NANOSECONDS[unit]
        position = part.end()
    if not text or position < len(text):
        raise ValueError("a duration such as 30s or 1h30m")
    if nanoseconds > _MAX_INT64:
        raise ValueError("a duration of less than 292 years")
    return int(nanoseconds // 10**6)


def parse_size(text: str) -> int:
    """Parse a Kubernetes quantity.

    Returns:
        Bytes, rounded up.

    Raises:
        ValueError: the text is not a quantity, is negative, or exceeds 64 bits.
    """
    found = -1
    if len(text) <= MAX_LABEL_LENGTH:
        try:
            found = math.ceil(quantity(text))
        except (ValueError, ArithmeticError):
            found = -1
    if not 0 <= found <= _MAX_INT64:
        raise ValueError("a size such as 20Mi")
    return found
