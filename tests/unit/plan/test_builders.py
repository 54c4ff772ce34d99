"""Names, quantities, resources and texts that all components use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jinja2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cryostat_operator.plan import builders, quantities, text
from cryostat_operator.plan.model import names


@pytest.mark.parametrize(
    ("given", "sha", "fnv"),
    [
        ("test/cryostat", "ffc3f6d1", "e5238b7e50abd940105fb17bf4ed6121"),
        ("default/cryostat-sample", "d6f4ddc1", "8b7bc6360d05e5414147380047137f11"),
        ("default/cryostat-sample/apps", "9772a2a9", "7b3b0031511234dc387113fe6e850614"),
        ("", "e3b0c442", "6c62272e07bb014262b821756295c58d"),
        ("a", "ca978112", "d228cb69101a8caf78912b704e4a141e"),
    ],
)
def test_hashes_are_those_of_existing_instances(given: str, sha: str, fnv: str) -> None:
    assert names.sha256(given).startswith(sha)
    assert names.fnv128(given.encode()) == fnv


def test_hashed_names() -> None:
    digest = names.sha256("default/cryostat-sample")
    assert names.instance_hash_name("default", "cryostat-sample") == f"cryostat-{digest}"
    assert names.ca_secret("default", "cryostat-sample") == f"cryostat-ca-{digest}"
    agent = names.sha256("default/cryostat-sample/apps")
    assert names.agent_certificate("default", "cryostat-sample", "apps") == f"cryostat-agent-{agent}"
    callback = names.agent_callback_service("default", "cryostat-sample")
    assert callback == "cryostat-agent-8b7bc6360d05e5414147380047137f11"


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("1", 1),
        ("500m", "0.5"),
        ("1Ki", 1024),
        ("1.5Gi", 1610612736),
        ("2G", 2 * 10**9),
        ("1e3", 1000),
        (3, 3),
        ("1E", 10**18),
    ],
)
def test_quantities(given: Any, number: Any) -> None:
    assert quantities.quantity(given) == Decimal(number)


def test_a_text_that_is_not_a_quantity_is_not_less() -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantities.quantity("lots")
    assert not quantities.is_less("lots", "1")
    assert quantities.is_less("100m", "1")


DEFAULTS = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, DEFAULTS),
        ({}, DEFAULTS),
        ({"requests": {"cpu": "2"}}, {"requests": {"cpu": "2", "memory": "64Mi"}}),
        ({"requests": {}}, DEFAULTS),
        ({"requests": {}, "limits": {}}, DEFAULTS),
        ({"limits": {}, "requests": {"cpu": "2"}}, {"requests": {"cpu": "2", "memory": "64Mi"}}),
        (
            {"limits": {"cpu": "50m"}},
            {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "50m"}},
        ),
        (
            {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}},
            {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
        ),
        (
            {"requests": {"ephemeral-storage": "1Gi"}, "claims": [{"name": "gpu"}]},
            {
                "requests": {"ephemeral-storage": "1Gi", "cpu": "100m", "memory": "64Mi"},
                "claims": [{"name": "gpu"}],
            },
        ),
    ],
)
def test_resources_are_completed(given: dict[str, Any] | None, wanted: dict[str, Any]) -> None:
    assert builders.resources(given, ("100m", "64Mi"), ("1", "256Mi")) == wanted


def test_volume_names() -> None:
    assert names.volume("a-b", set()) == "a-b"
    for wanted, taken in (("a.b", set()), ("A", set()), ("x" * 64, set()), ("a", {"a"})):
        name = names.volume(wanted, taken)
        assert name != wanted
        assert len(name) <= 63


def test_templates_need_all_their_values() -> None:
    with pytest.raises(jinja2.UndefinedError):
        text.render("nginx.conf.j2", port=1)


def test_json_keeps_order_and_escapes_markup() -> None:
    assert text.compact_json({"b": "<&>", "a": None}) == '{"b":"\\u003c\\u0026\\u003e","a":null}'
    assert text.pretty_json({"b": 1, "a": []}) == '{\n  "b": 1,\n  "a": []\n}'


def expanded(value: str, variables: dict[str, str]) -> str:
    """A value after the kubelet's expansion: `$(NAME)` is a variable, and `$$` is one `$`."""
    result, place = "", 0
    while place < len(value):
        rest = value[place:]
        end = rest.find(")")
        if rest.startswith("$$"):
            result, place = result + "$", place + 2
        elif rest.startswith("$(") and end >= 0 and rest[2:end] in variables:
            result, place = result + variables[rest[2:end]], place + end + 1
        else:
            result, place = result + rest[0], place + 1
    return result


@given(st.lists(st.sampled_from(["$", "$(A)", "(", ")", "A", "$$", " "]), max_size=8).map("".join))
@example("$$(A)")
@example("$$$(A)")
def test_the_kubelet_expands_nothing_in_a_text_of_a_user(text: str) -> None:
    assert expanded(builders.escape_expansion(text), {"A": "password"}) == text
