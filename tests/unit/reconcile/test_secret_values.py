"""Generated values of Secrets."""

from __future__ import annotations

import base64
import random

import bcrypt

from cryostat_operator.plan.model.requests import HtpasswdValue, NginxHeaderValue, RandomValue, ValueSource
from cryostat_operator.reconcile.secret_values import generate_values


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def test_random_values_differ() -> None:
    requested = {"a": RandomValue(32), "b": RandomValue(32)}
    found = [decoded(value) for _ in range(2) for value in generate_values(requested, {}).values()]
    assert len(set(found)) == 4
    assert {len(value) for value in found} == {32}


def test_existing_values_are_kept_and_empty_ones_are_replaced() -> None:
    existing = {"a": encoded("kept"), "b": "", "other": ""}
    found = generate_values({"a": RandomValue(8), "b": RandomValue(8), "c": "literal"}, existing)
    assert (found["a"], found["other"], decoded(found["c"])) == (encoded("kept"), "", "literal")
    assert len(decoded(found["b"])) == 8


def test_the_htpasswd_line_has_the_password() -> None:
    requested: dict[str, ValueSource] = {"htpasswd": HtpasswdValue("user", "password"), "password": RandomValue(20)}
    found = generate_values(requested, {})
    user, hashed = decoded(found["htpasswd"]).rstrip("\n").split(":", 1)
    assert user == "user"
    assert bcrypt.checkpw(decoded(found["password"]).encode(), hashed.encode())
    kept = generate_values(requested, {"password": encoded("own"), "htpasswd": found["htpasswd"]})
    assert kept["htpasswd"] == found["htpasswd"]
    again = decoded(generate_values(requested, {"password": encoded("own")})["htpasswd"])
    assert bcrypt.checkpw(b"own", again.rstrip("\n").split(":", 1)[1].encode())


def test_the_directive_of_nginx_has_the_value() -> None:
    requested: dict[str, ValueSource] = {"conf": NginxHeaderValue("X-Auth", "value"), "value": RandomValue(32)}
    found = generate_values(requested, {})
    assert decoded(found["conf"]) == f'proxy_set_header X-Auth "{decoded(found["value"])}";\n'
    assert generate_values(requested, found) == found
    own = generate_values(requested, {"value": encoded("own")})
    assert (decoded(own["value"]), decoded(own["conf"])) == ("own", 'proxy_set_header X-Auth "own";\n')


def test_the_directive_of_nginx_never_has_another_value_than_the_application() -> None:
    requested: dict[str, ValueSource] = {"value": RandomValue(32), "conf": NginxHeaderValue("X-Auth", "value")}
    first = generate_values(requested, {})
    again = generate_values(requested, {"conf": first["conf"]})
    assert decoded(again["value"]) in decoded(again["conf"])
    assert again["conf"] != first["conf"]


def test_a_value_of_a_user_does_not_end_the_directive_of_nginx() -> None:
    requested: dict[str, ValueSource] = {"value": RandomValue(32), "conf": NginxHeaderValue("X-Auth", "value")}
    found = generate_values(requested, {"value": encoded('a"; deny all; \\')})
    assert decoded(found["conf"]) == 'proxy_set_header X-Auth "a\\"; deny all; \\\\";\n'


def test_generated_values_cannot_be_reproduced_from_a_seed() -> None:
    seen = set()
    for _ in range(50):
        random.seed(7)
        seen.add(decoded(generate_values({"k": RandomValue(32)}, {})["k"]))
    assert len(seen) == 50
    assert {len(value) for value in seen} == {32}
    # 1,600 random characters of 64: the probability that one does not occur is below 10**-9.
    assert len(set("".join(seen))) == 64
