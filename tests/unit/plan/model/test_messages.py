"""The parts of messages, and what is left out of quoted messages of the cluster."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.model import messages
from cryostat_operator.plan.model.messages import (
    MAX_QUOTE,
    all_of,
    counted,
    enumeration,
    first_and_more,
    first_parts,
    message,
    quoted,
    termination_message,
)

HASH = "0a" * 32


def test_a_message_is_subject_and_cause_then_consequence_and_remedy() -> None:
    assert message("Secret a", "lacks the key b.") == "Secret a lacks the key b."
    text = message("Secret a", "is refused", cause="quota", consequence="Deployment x waits", remedy="Raise it.")
    assert text == "Secret a is refused: quota. Deployment x waits. Raise it."


@pytest.mark.parametrize(
    "words",
    [
        f"docker://a/b@sha256:{HASH}: reading manifest sha256:{HASH} in a/b: manifest unknown",
        f'Operation cannot be fulfilled on rolebindings "cryostat-{HASH}": the object has been modified',
    ],
)
def test_digests_of_images_and_names_of_objects_are_quoted(words: str) -> None:
    assert quoted(words) == words


def test_one_of_several_messages_is_whole() -> None:
    assert first_and_more([]) == ""
    assert first_and_more(["One.", "One."]) == "One."
    assert first_and_more(["One.", "Two", "Three"]) == "One (and 2 more)."


@pytest.mark.parametrize(
    ("parts", "most", "expected"),
    [
        ([], 1, ""),
        (["a"], 1, "a"),
        (["a", "b", "c"], 1, "a and 2 more"),
        (["a", "b"], 2, "a and b"),
        (["a", "b", "c"], 2, "a, b and 1 more"),
    ],
)
def test_the_first_parts_of_a_sentence(parts: list[str], most: int, expected: str) -> None:
    assert first_parts(parts, most) == expected
    assert first_parts(parts, most, "objects") == (f"{expected} objects" if len(parts) > most else expected)


def test_all_of_several_messages() -> None:
    assert all_of(["One", "Two.", "One"]) == "One. Two."
    assert all_of(["One"]) == "One"


def test_parts_of_a_sentence() -> None:
    assert [enumeration([]), enumeration(["a"]), enumeration(["a", "b"])] == ["", "a", "a and b"]
    assert enumeration(["a", "b", "c"], "or") == "a, b or c"
    assert [counted("finalizer", ["a"]), counted("finalizer", ["a", "b"])] == ["finalizer a", "finalizers a and b"]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("back-off 5m0s restarting failed container=x-db pod=x-database-6d4b5c-abcde_here(0a1b)", ""),
        ('Back-off pulling image "a/b:1"', ""),
        ('Back-off pulling image "a/b:1": ErrImagePull: a/b:1: not found', "a/b:1: not found"),
        (
            'rpc error: code = NotFound desc = failed to pull and unpack image "a/b:1": '
            'failed to resolve reference "a/b:1": a/b:1: not found',
            "a/b:1: not found",
        ),
        ("Error response from daemon: unauthorized: access to the requested resource is not authorized",
         "unauthorized: access to the requested resource is not authorized"),
        ('pods "x-6d4b-" is forbidden: exceeded quota: q', "exceeded quota: q"),
        ("0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No victims.",
         "0/1 nodes are available: 1 Insufficient cpu"),
        ("one\n  two", "one two"),
        ('Head "https://me:password@registry/v2/a?token=0a1b": 401', 'Head "https://registry/v2/a": 401'),
        ("certificate has expired or is not yet valid: current time 2026-01-02T00:00:03Z is after 2026-01-01T00:00:00Z",
         "certificate has expired or is not yet valid: current time is after 2026-01-01T00:00:00Z"),
        ("lookup quay.io on 10.0.0.10:53: read udp 10.0.1.5:39234->10.0.0.10:53: i/o timeout",
         "lookup quay.io on 10.0.0.10:53: read udp 10.0.0.10:53: i/o timeout"),
        ("volume 0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f is gone", "volume is gone"),
    ],
)  # fmt: skip
def test_parts_that_vary_or_repeat_the_subject_are_left_out(words: str, kept: str) -> None:
    assert quoted(words) == kept


def test_a_quote_is_cut() -> None:
    assert len(quoted("x" * 1000)) == MAX_QUOTE
    assert quoted(None) == ""


@pytest.mark.parametrize(
    "words",
    [
        "password: hunter2",
        "login failed, password=hunter2",
        '{"accessKey": "x"}',
        "Authorization: Basic eDp5",
        "cannot use bearer abcdefgh",
        "connect to postgres://cryostat:hunter2@db/cryostat",
        "-----BEGIN PRIVATE KEY-----",
        "unexpected value 7f3kd92mmcow81nd02js",
        "AWS_SECRET_ACCESS_KEY=x",
    ],
)
def test_a_termination_message_that_may_have_a_credential_is_dropped(words: str) -> None:
    assert termination_message(words) == ""


@pytest.mark.parametrize(
    "words", ["password authentication failed for user cryostat", "cannot open /data/pg_wal: No space left on device"]
)
def test_other_termination_messages_are_kept(words: str) -> None:
    assert termination_message(words) == words


@pytest.mark.parametrize("part", ["password", "https://", "a", '"', "A ", "key: "])
def test_only_the_beginning_of_a_long_text_is_read(part: str) -> None:
    text = part * 1_000_000
    assert quoted(text) == quoted(text[: messages.MAX_READ])
    assert termination_message(text) == termination_message(text[: messages.MAX_READ])


def test_a_credential_after_the_part_that_is_read_is_not_quoted() -> None:
    for before in range(messages.MAX_READ - 20, messages.MAX_READ + 20):
        assert "hunter" not in termination_message("x " * (before // 2) + "password=hunter2")
