"""Files with logins that oauth2-proxy cannot use, or ignores a line of."""

from __future__ import annotations

import base64

import pytest

from cryostat_operator.plan.login_file import MAX_SIZE, LoginFlaw, login_flaw, login_flaws

GOOD = "alice:$2y$05$abcdefghijklmnopqrstuuWcJLY5tKdGGXnGkAaM2HAb1rZmMDRhq"
MD5 = "bob:$apr1$abcdefgh$0123456789012345678901"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"{GOOD}\n",
        f"{GOOD}\r\n\r\n",
        f"# users\n\n {GOOD}\n",
        "alice: $2b$05$x\n",
        "alice:{SHA}xy\n",
        'not judged: "alice":"x"',
    ],
)
def test_a_file_that_the_proxy_reads(text: str) -> None:
    assert login_flaw(text) is None


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "contains no user"),
        ("\n", "contains no user"),
        ("# alice", "contains no user"),
        ("alice", "has another form than USER:HASH in line 1"),
        (f"{GOOD}\n  \n", "has another form than USER:HASH in line 2"),
        (f"{GOOD}:1000", "has another form than USER:HASH in line 1"),
        (MD5, "has an MD5 hash in line 1"),
        ("alice:$1$x", "has an MD5 hash in line 1"),
        ("alice:$5$x", "has a SHA-256 hash in line 1"),
        ("alice:$6$x", "has a SHA-512 hash in line 1"),
        ("alice:{SSHA}x", "has a salted SHA-1 hash in line 1"),
        ("alice:secret", "has no hash that the proxy accepts in line 1"),
        ("alice:{SHA}x", "has no hash that the proxy accepts in line 1"),
        (f"{GOOD}\r\n# more\r\n{MD5}\r\n", "has an MD5 hash in line 3"),
    ],
)
def test_a_file_with_which_the_proxy_does_not_start(text: str, cause: str) -> None:
    assert login_flaw(text) == LoginFlaw(cause, fatal=True)


def test_a_user_that_the_proxy_ignores() -> None:
    assert login_flaw(f"{MD5}\n{GOOD}\n") == LoginFlaw("has an MD5 hash in line 1", fatal=False)


def test_each_value_of_a_secret_is_read() -> None:
    encoded = {key: base64.b64encode(value).decode() for key, value in {"a": GOOD.encode(), "b": b"\xff"}.items()}
    flaws = login_flaws({**encoded, "c": "!", "d": "A" * (MAX_SIZE + 1)})
    assert flaws == dict.fromkeys("bc", LoginFlaw("is not a text in UTF-8", fatal=True))
