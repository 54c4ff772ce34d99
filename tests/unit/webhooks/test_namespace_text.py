"""The limit of the text in all Cryostats of a namespace."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.webhooks import namespace_text
from cryostat_operator.webhooks.namespace_text import NamespaceText
from cryostat_operator.webhooks.reviews import AdmissionRequest, Caller, parse

LIMIT = 8 << 20


class Namespace:
    """A namespace with a known Cryostat of some text, and a clock."""

    def __init__(self, text: int = 0) -> None:
        self.known = {"other": text}
        self.now = 0.0
        self.text = NamespaceText(lambda _: self.known, lambda: self.now)

    def refusal(
        self, level: str, *, name: str = "a", old: Any = None, dry_run: bool = False, caller: str = "10.0.0.1"
    ) -> str | None:
        return self.text.refusal(_request(level, name, old, dry_run, caller))


def _request(level: str, name: str, old: Any, dry_run: bool, caller: str) -> AdmissionRequest:
    request: dict[str, Any] = {"uid": "1", "operation": "CREATE", "namespace": "n", "name": name, "dryRun": dry_run}
    request["object"] = {"spec": {"level": level}}
    if old is not None:
        request |= {"operation": "UPDATE", "oldObject": {"spec": {"level": old}}}
    return parse({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}, Caller(caller))


def test_authors_in_one_namespace_cannot_fill_the_memory_with_long_cryostats() -> None:
    assert Namespace(LIMIT - 10).refusal("DEBUG") is None
    assert Namespace(LIMIT - 9).refusal("DEBUG") == (
        "the other Cryostats in namespace n have 8388599 characters of text, and this one has 10; at most 8388608 are "
        "allowed. Shorten or delete Cryostats in this namespace; a deleted one can count for another minute"
    )


def test_a_cryostat_that_becomes_longer_is_limited() -> None:
    namespace = Namespace(LIMIT - 9)
    assert namespace.refusal("DEBUG", old="INFO") is not None
    assert namespace.refusal("DEBUG", old="ERROR") is None
    assert namespace.refusal("DEBUG", old="x" * 1_400_000) is None


def test_a_cryostat_does_not_count_twice() -> None:
    assert Namespace(LIMIT).refusal("DEBUG", name="other") is None


def test_what_was_admitted_lately_counts_before_the_cache_has_it() -> None:
    namespace = Namespace(LIMIT - 15)
    assert namespace.refusal("DEBUG", name="dry", dry_run=True) is None
    assert namespace.refusal("DEBUG", name="a") is None
    assert namespace.refusal("DEBUG", name="b") is not None
    assert namespace.refusal("DEBUG", name="a") is None
    namespace.now = 60.0
    assert namespace.refusal("DEBUG", name="b") is not None
    namespace.now = 61.0
    assert namespace.refusal("DEBUG", name="b") is None


def test_an_admitted_cryostat_that_the_cache_has_counts_once() -> None:
    namespace = Namespace(LIMIT - 20)
    assert namespace.refusal("DEBUG", name="a") is None
    namespace.known["a"] = 10
    assert namespace.refusal("DEBUG", name="b") is None
    assert namespace.refusal("", name="c") is not None


def test_a_cryostat_that_was_shortened_counts_with_its_new_length_at_once() -> None:
    namespace = Namespace(LIMIT - 20)
    assert namespace.refusal("x" * 15) is None
    assert namespace.refusal("DEBUG", name="b") is not None
    assert namespace.refusal("", old="x" * 15, dry_run=True) is None
    assert namespace.refusal("DEBUG", name="b") is not None
    assert namespace.refusal("", old="x" * 15) is None
    assert namespace.refusal("DEBUG", name="b") is None


def test_forged_reviews_of_a_pod_do_not_use_up_the_limit_of_a_namespace() -> None:
    namespace = Namespace(LIMIT - 15)
    assert namespace.refusal("DEBUG", name="forged", caller="10.0.0.9") is None
    assert namespace.refusal("DEBUG", name="b", caller="10.0.0.9") is not None
    assert namespace.refusal("DEBUG", name="b") is None


def test_forged_reviews_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace_text, "MAX_ADMITTED", 3)
    namespace = Namespace()
    for number in range(9):
        assert namespace.refusal("DEBUG", name=f"{number}") is None
        assert namespace.refusal("DEBUG", name="x" * 254 + str(number)) is None
    assert [name for _, _, name in namespace.text._admitted] == ["6", "7", "8"]
