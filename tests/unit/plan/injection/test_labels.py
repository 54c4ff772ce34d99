"""Options of the agent from labels."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.injection import labels
from cryostat_operator.plan.injection.label_hints import CONTAINER, SMART_TRIGGERS
from cryostat_operator.plan.injection.labels import AgentOptions


def options(annotation: str = "", **values: str) -> AgentOptions:
    found = parse(annotation, **values)
    assert found.options, found.errors
    return found.options


def parse(annotation: str = "", **values: str) -> labels.ParsedLabels:
    given = {f"cryostat.io/{key.replace('_', '-')}": value for key, value in values.items()}
    return labels.parse_labels(given, {SMART_TRIGGERS: annotation} if annotation else {})


def test_defaults() -> None:
    assert options() == AgentOptions("off", 9977, (), False, "JAVA_TOOL_OPTIONS", None, ())


def test_all_options() -> None:
    found = options(
        "a, b,a", log_level="debug", callback_port="1234", container="app", read_only="T", java_options_var="X",
        harvester_template="t", harvester_period="1m30s", harvester_max_files="3", harvester_exit_max_age="0",
        harvester_exit_max_size="1Ki", smart_triggers="c",
    )  # fmt: skip
    assert (found.log_level, found.callback_port, found.containers, found.read_only) == ("debug", 1234, ("app",), True)
    assert (found.java_options_variable, found.smart_triggers) == ("X", ("a", "b", "c"))
    assert found.harvester == labels.Harvester("t", 90_000, 3, 0, 1024)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("callback_port", "0", "a number from 1 to 65535"),
        ("callback_port", "\u0661", "a number from 1 to 65535"),
        ("read_only", "yes", "true or false"),
        ("java_options_var", "1X", "the name of an environment variable"),
        ("harvester_period", "1d", "a duration such as 30s or 1h30m"),
        ("harvester_exit_max_size", "-1", "a size such as 20Mi"),
    ],
)
def test_an_invalid_value_is_an_error(key: str, value: str, expected: str) -> None:
    found = parse(**{key: value})
    assert found.options is None
    assert found.errors == (f'label cryostat.io/{key.replace("_", "-")}: "{value}" is not {expected}',)


def test_long_values_are_not_parsed() -> None:
    assert parse(callback_port="1" * 64).errors == ("label cryostat.io/callback-port has more than 63 characters",)


def test_smart_triggers_are_names_of_config_maps() -> None:
    assert parse("A_B").errors[0] == 'cryostat.io/smart-triggers: "A_B" is not the name of a ConfigMap'
    many = parse(",".join(f"m{number}" for number in range(65))).errors[0]
    assert many == "cryostat.io/smart-triggers names 65 ConfigMaps; 64 are allowed"


def test_several_containers_are_named_by_an_annotation() -> None:
    found = labels.parse_labels({CONTAINER: "c"}, {CONTAINER: "a, b,,a"}).options
    assert found is not None
    assert found.containers == ("a", "b", "c")


def test_each_container_needs_a_port() -> None:
    last = {CONTAINER: "a,b"}
    assert labels.parse_labels({"cryostat.io/callback-port": "65534"}, last).errors == ()
    assert labels.parse_labels({"cryostat.io/callback-port": "65535"}, last).errors == (
        'label cryostat.io/callback-port: "65535" is not a number from 1 to 65534',
    )


def test_the_number_of_named_containers_is_limited() -> None:
    most = ",".join(f"c{number}" for number in range(16))
    assert labels.parse_labels({}, {CONTAINER: most}).errors == ()
    many = f"{most},c16"
    assert labels.parse_labels({}, {CONTAINER: many}).errors == (
        "cryostat.io/container names 17 containers; 16 are allowed",
    )


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("1h30m", 5_400_000),
        ("1h0m0s", 3_600_000),
        ("1.5s", 1500),
        (".5s", 500),
        ("300ms", 300),
        ("999us", 0),
        ("2.s", 2000),
    ],
)
def test_durations_are_those_of_go(text: str, milliseconds: int) -> None:
    assert labels.parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "1", "-1s", "s", "1s ", "9999999h"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(a duration such as 30s or 1h30m|a duration of less than 292 years)$"):
        labels.parse_duration(text)


def test_sizes_are_rounded_up() -> None:
    assert (labels.parse_size("20Mi"), labels.parse_size("1500m"), labels.parse_size("1e3")) == (20 << 20, 2, 1000)


def test_hints() -> None:
    [hint] = parse(log_level="debgu").hints
    assert hint == "cryostat.io/log-level: debgu is not known; did you mean debug?"
    [hint] = parse(colour="red").hints
    assert hint.startswith("cryostat.io/colour is not known; known values are name")
    [hint] = parse(harvester_period="1s").hints
    assert hint == "cryostat.io/harvester-period has no effect without cryostat.io/harvester-template"
    assert len(parse(**{f"unknown_{number}": "" for number in range(50)}).hints) == labels.MAX_HINTS


def test_hints_about_keys_that_are_no_labels_of_the_agent() -> None:
    [hint] = labels.parse_labels({"operator.cryostat.io/read-only": "true"}, {}).hints
    assert hint.startswith("label operator.cryostat.io/read-only has no effect on pods")


def test_the_instance_that_labels_name() -> None:
    assert labels.requested_instance({"cryostat.io/name": "x", "cryostat.io/namespace": "here"}) == ("here", "x")
    assert labels.requested_instance({"cryostat.io/name": "x", "cryostat.io/namespace": ""}) is None
