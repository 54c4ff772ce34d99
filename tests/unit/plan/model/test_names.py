"""Names and hashes of objects equal those of the Go operator, and are valid in Kubernetes for every Cryostat."""

from __future__ import annotations

import hashlib
import re

import pytest

from cryostat_operator.api.v1beta2 import NAME_LIMIT
from cryostat_operator.plan.model import names

LONGEST = ("n" * 63, "x" * NAME_LIMIT)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "6c62272e07bb014262b821756295c58d"),
        (b"a", "d228cb69101a8caf78912b704e4a141e"),
        (b"foobar", "7896bfea9c3c64bf6dc58353d2c293aa"),
    ],
)
def test_the_hash_is_fnv_1(data: bytes, expected: str) -> None:
    """FNV-1a, which xors first, has the same value only for no data."""
    assert names.fnv128(data) == expected


def test_hashed_names_contain_the_hash_of_namespace_and_name() -> None:
    digest = hashlib.sha256(b"here/x").hexdigest()
    assert names.sha256("here/x") == digest
    assert names.instance_hash_name("here", "x") == f"cryostat-{digest}"
    assert names.ca_secret("here", "x") == f"cryostat-ca-{digest}"
    agent = hashlib.sha256(b"here/x/there").hexdigest()
    assert names.agent_certificate("here", "x", "there") == f"cryostat-agent-{agent}"
    assert names.agent_callback_service("here", "x") == f"cryostat-agent-{names.fnv128(b'here/x')}"


def test_two_instances_have_different_hashed_names() -> None:
    """The slash separates namespace and name, which cannot contain one."""
    for function in (names.instance_hash_name, names.ca_secret, names.agent_callback_service):
        assert len({function("a", "bc"), function("ab", "c"), function("a", "bd")}) == 3


def test_the_name_of_a_service_is_a_dns_label() -> None:
    assert len(names.agent_callback_service(*LONGEST)) <= 63
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", names.agent_callback_service(*LONGEST))


def test_names_of_keystore_password_and_backup_begin_with_that_of_the_instance() -> None:
    assert (names.keystore("x"), names.keystore_password("x"), names.backup("x")) == (
        "x-tls",
        "x-keystore",
        "x-backup",
    )


@pytest.mark.parametrize("preferred", ["rules", "a-1", "x" * 63])
def test_a_valid_name_of_a_volume_is_kept(preferred: str) -> None:
    assert names.volume(preferred, set()) == preferred


@pytest.mark.parametrize("preferred", ["x" * 64, "a.b", "A", "-a", ""])
def test_another_name_of_a_volume_is_replaced_by_a_stable_hash(preferred: str) -> None:
    found = names.volume(preferred, set())
    assert found == names.volume(preferred, set())
    assert re.fullmatch(r"volume-[0-9a-f]{32}", found)


def test_a_used_name_of_a_volume_is_not_used_again() -> None:
    used = {"rules"}
    for _ in range(3):
        used.add(names.volume("rules", used))
    assert len(used) == 4


def test_a_long_name_of_a_file_is_shortened_and_keeps_its_end() -> None:
    assert names.file("x" * 255) == "x" * 255
    long = "x" * 252 + ".jfc"
    assert len(names.file(long)) == 255
    assert names.file(long).endswith("x.jfc")
    assert names.file(long) != names.file("y" + long[1:])
    assert len(names.file("x" * 250, reserved=10)) == 245
