"""Settings are read once and cannot be changed afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from cryostat_operator.images import IMAGES
from cryostat_operator.settings import Settings, SettingsError


@pytest.mark.parametrize(("value", "expected"), [("required", True), ("Required", True), ("", False)])
def test_a_client_certificate_of_the_api_server_is_required_on_request(value: str, expected: bool) -> None:
    assert Settings.from_env({"WEBHOOK_CLIENT_CERTIFICATE": value}).webhook_client_certificate_required is expected


@pytest.mark.parametrize("value", ["true", "requried", "optional", " "])
def test_an_unknown_value_of_the_client_certificate_is_an_error(value: str) -> None:
    """It does not count as off: an administrator wanted that only the API server is answered."""
    with pytest.raises(SettingsError) as error:
        Settings.from_env({"WEBHOOK_CLIENT_CERTIFICATE": value})
    assert str(error.value) == (
        f"The variable WEBHOOK_CLIENT_CERTIFICATE has the unknown value {value!r}. "
        "Set it to `required`, or remove it if admission reviews of all callers may be answered."
    )


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_the_proxies_get_their_secrets_on_request(value: str, expected: bool) -> None:
    assert Settings.from_env({"PROXY_SECRETS": value}).proxy_secrets is expected


def test_settings_are_immutable() -> None:
    settings = Settings.from_env({})
    for field in fields(settings):
        with pytest.raises(FrozenInstanceError):
            setattr(settings, field.name, None)
    image = settings.images[next(iter(IMAGES))]
    with pytest.raises(FrozenInstanceError):
        image.reference = "another"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.images["core"] = image  # type: ignore[index]


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("10.96.0.1", "443", ("10.96.0.1", 443)),
        ("fd00::1", "443", ("fd00::1", 443)),
        ("api.example.com", "443", None),
        ("10.96.0.1", "", None),
        ("", "443", None),
    ],
)
def test_the_service_of_the_api_server(host: str, port: str, expected: tuple[str, int] | None) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    assert Settings.from_env(environ).api_server_service == expected


RESOLVER = """# written by the kubelet
nameserver 10.96.0.10
search operators.svc.corp.example svc.corp.example corp.example example.com
options ndots:5
"""


@pytest.mark.parametrize(
    ("resolver", "variables", "domain"),
    [
        (RESOLVER, {}, "corp.example"),
        (RESOLVER.replace("corp.example", "corp.example."), {}, "corp.example"),
        (RESOLVER, {"CLUSTER_DOMAIN": "other.example"}, "other.example"),
        (RESOLVER, {"OPERATOR_NAMESPACE": "elsewhere"}, "cluster.local"),
        (RESOLVER, {"OPERATOR_NAMESPACE": ""}, "cluster.local"),
        ("search operators.svc.corp.example\n", {}, "cluster.local"),
        ("search corp.example\nsearch\n", {}, "cluster.local"),
        ("", {}, "cluster.local"),
    ],
)
def test_the_cluster_domain_is_that_of_the_pod(resolver: str, variables: dict[str, str], domain: str) -> None:
    environ = {"OPERATOR_NAMESPACE": "operators", **variables}
    assert Settings.from_env(environ, resolver).cluster_domain == domain


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ()), ("a", ("a",)), ("a, b-2,a", ("a", "b-2"))],
)
def test_namespaces_are_separated_by_commas(value: str, expected: tuple[str, ...]) -> None:
    settings = Settings.from_env({"WATCH_NAMESPACES": value})
    assert settings.watch_namespaces == expected
    assert settings.watches("a")
    assert settings.watches("other") is not bool(expected)


@pytest.mark.parametrize(("value", "wrong"), [(" ", ""), ("a,,b", ""), ("a b", "a b"), ("*", "*"), ("A", "A")])
def test_a_value_that_is_no_list_of_namespaces_is_refused(value: str, wrong: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_env({"WATCH_NAMESPACES": value})
    assert str(error.value) == (
        f"The variable WATCH_NAMESPACES contains {wrong!r}, which is not a valid name of a namespace. "
        "Set it to namespaces separated by commas, or remove it to serve all namespaces."
    )
