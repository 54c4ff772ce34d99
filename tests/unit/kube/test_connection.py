"""The address of the API server in a pod, and a KUBECONFIG that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import kopf
import pytest

from cryostat_operator.kube import connection
from cryostat_operator.kube.errors import LoginError


@dataclass(frozen=True)
class Case:
    host: str | None
    port: str | None
    server: str


BY_NAME = "https://kubernetes.default.svc"


@pytest.mark.parametrize(
    "case",
    [
        Case("10.96.0.1", "443", "https://10.96.0.1:443"),
        Case("fd00::1", "6443", "https://[fd00::1]:6443"),
        Case("api.example.com", "443", "https://api.example.com:443"),
        Case(None, "443", BY_NAME),
        Case("10.96.0.1", None, BY_NAME),
    ],
    ids=lambda case: case.server,
)
async def test_the_address_comes_from_the_variables_of_the_kubelet(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    info = kopf.ConnectionInfo(server=BY_NAME, token="t")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: info)
    for name, value in (("HOST", case.host), ("PORT", case.port)):
        if value is None:
            monkeypatch.delenv(f"KUBERNETES_SERVICE_{name}", raising=False)
        else:
            monkeypatch.setenv(f"KUBERNETES_SERVICE_{name}", value)
    found = await connection.connect()
    assert found.server == case.server
    assert found.headers()["Authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("words", "the file .* is not a kubeconfig"),
        (
            "current-context: a\n"
            "users: [{name: a, user: {exec: {args: []}}}]\n"
            "contexts: [{name: a, context: {user: a}}]",
            "^context 'a' of the kubeconfig: exec of its user needs command and an apiVersion",
        ),
        (
            "current-context: a\n"
            "clusters: [{name: a, cluster: {server: 'https://a', proxy-url: 'socks5://b'}}]\n"
            "users: [{name: a, user: {token: t}}]\n"
            "contexts: [{name: a, context: {cluster: a, user: a}}]",
            "^the proxy has the protocol socks5",
        ),
    ],
)
async def test_an_unusable_kubeconfig_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, cause: str
) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(LoginError, match=cause):
        await connection.connect()


@pytest.mark.parametrize("field", ["as: admin", "as-uid: '1'", "as-groups: [a]", "as-user-extra: {a: [b]}"])
async def test_a_user_who_acts_as_another_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, field: str
) -> None:
    """Neither kopf nor the library sends these fields, so the operator would act with other permissions."""
    file = tmp_path / "config"
    file.write_text(
        "current-context: a\n"
        "clusters: [{name: a, cluster: {server: 'https://a'}}]\n"
        f"users: [{{name: a, user: {{token: t, {field}}}}}]\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]"
    )
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(LoginError) as error:
        await connection.connect()
    assert str(error.value) == (
        f"the user of context 'a' of the kubeconfig has {field.partition(':')[0]}, which the operator does not "
        "support; use the credentials of the ServiceAccount or user that it should act as"
    )


async def test_credentials_of_a_plugin_beside_the_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The current context is that of the first file that has one."""
    plugin = tmp_path / "plugin"
    status = '{"token": "t", "clientCertificateData": "c", "clientKeyData": "k"}'
    plugin.write_text(
        "#!/bin/sh\n"
        f"""echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {status}}}'"""
    )
    plugin.chmod(0o755)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(
        "current-context: a\n"
        "clusters: [{name: a, cluster: {server: 'https://a', certificate-authority: ca.crt}}]\n"
        "users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}}}]\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]"
    )
    two.write_text("current-context: b")
    monkeypatch.setenv("KUBECONFIG", f"{one}:{two}")
    info = (await connection.connect()).for_kopf(timedelta(minutes=1))
    assert (info.server, info.token, info.ca_path) == ("https://a", "t", str(tmp_path / "ca.crt"))
    assert (info.certificate_data, info.private_key_data) == ("Yw==", "aw==")


async def test_the_credential_plugin_of_another_user_is_not_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For example the address of `kubectl proxy`, beside a cluster with a plugin."""
    file = tmp_path / "config"
    file.write_text(
        "current-context: a\n"
        "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:8001'}}]\n"
        "users: [{name: a, user: {}}, {name: b, user: {exec: {}}}]\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]"
    )
    monkeypatch.setenv("KUBECONFIG", str(file))
    found = await connection.connect()
    assert found.server == "http://127.0.0.1:8001"


async def test_a_proxy_is_used_outside_of_the_cluster_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    file = tmp_path / "config"
    cluster = "{name: a, cluster: {server: 'https://api.example.com'}}"
    context = "{name: a, context: {cluster: a, user: a}}"
    file.write_text(
        f"current-context: a\nclusters: [{cluster}]\ncontexts: [{context}]\nusers: [{{name: a, user: {{token: t}}}}]"
    )
    monkeypatch.setenv("KUBECONFIG", str(file))
    outside = await connection.connect()
    assert outside.request_options == {"proxy": "http://proxy:3128"}
    assert outside.for_kopf(timedelta(minutes=1)).proxy_url == "http://proxy:3128"
    info = kopf.ConnectionInfo(server=BY_NAME, token="t")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: info)
    inside = await connection.connect()
    assert inside.request_options == {}
    assert inside.for_kopf(timedelta(minutes=1)).proxy_url is None
