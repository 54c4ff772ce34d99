"""The credentials of commands."""

from __future__ import annotations

import base64
import json
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryostat_operator.inspect import login
from cryostat_operator.inspect.login import log_in
from cryostat_operator.kube.errors import LoginError
from cryostat_operator.pki import signing
from cryostat_operator.pki.signing import CertificateTemplate

PLUGIN_API = "client.authentication.k8s.io/v1"


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def kubeconfig(path: Path, user: Any, name: str = "a", **context: str) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": name,
                "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.com/"}}],
                "users": [{"name": name, "user": user}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name, **context}}],
            }
        )
    )
    return path


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "t"}, "Bearer t"),
        ({"tokenFile": "token"}, "Bearer from-file"),
        ({"username": "u", "password": "p"}, f"Basic {base64.b64encode(b'u:p').decode()}"),
        ({}, None),
    ],
)
async def test_credentials_of_users_in_a_kubeconfig(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: Any, header: str | None
) -> None:
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", user, namespace="team")))
    found = await log_in()
    assert found.connection.server == "https://a.example.com"
    assert found.connection.headers().get("Authorization") == header
    assert found.namespace == "team"


async def test_a_context_is_selected_from_several_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = [kubeconfig(tmp_path / name, {"token": name}, name) for name in ("a", "b")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))
    assert (await log_in()).connection.headers()["Authorization"] == "Bearer a"
    assert (await log_in("b")).connection.headers()["Authorization"] == "Bearer b"
    assert (await log_in("b")).namespace == "default"
    with pytest.raises(LoginError, match="has no context 'c'"):
        await log_in("c")


@pytest.mark.parametrize("text", ["{", "- a", "clusters: 5", "clusters: [{}]", "clusters: [{name: a}]"])
async def test_a_broken_kubeconfig_is_an_error_of_the_login(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    (tmp_path / "config").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(LoginError):
        await log_in()


async def test_a_context_without_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", {}, cluster="gone")
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(LoginError, match=r"names no cluster with a server; correct its cluster$"):
        await log_in()


def with_plugin(directory: Path, status: object) -> Path:
    """A kubeconfig with a credential plugin that prints this status."""
    credential = {"apiVersion": PLUGIN_API, "kind": "ExecCredential", "status": status}
    (directory / "credential.json").write_text(json.dumps(credential))
    plugin = {"apiVersion": PLUGIN_API, "command": "cat", "args": [str(directory / "credential.json")]}
    return kubeconfig(directory / "config", {"exec": plugin})


async def test_a_token_of_a_credential_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(with_plugin(tmp_path, {"token": "t"})))
    found = await log_in()
    assert found.connection.headers() == {"Authorization": "Bearer t"}


async def test_a_certificate_of_a_credential_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = signing.new_key()
    certificate = signing.sign_certificate(CertificateTemplate("user"), key, 1_800_000_000.0)
    pair = {
        "clientCertificateData": signing.certificates_pem([certificate]).decode(),
        "clientKeyData": signing.key_pem(key).decode(),
    }
    monkeypatch.setenv("KUBECONFIG", str(with_plugin(tmp_path, pair)))
    loaded: list[str] = []
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", lambda _, file, key: loaded.extend(map(read, (file, key))))
    found = await log_in()
    assert found.connection.headers() == {}
    assert loaded == list(pair.values())


def read(path: str) -> str:
    return Path(path).read_text()


async def test_a_credential_plugin_without_credentials_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(with_plugin(tmp_path, {})))
    with pytest.raises(LoginError) as error:
        await log_in()
    assert str(error.value) == (
        "context 'a' of the kubeconfig: its credential plugin cat returned no credentials: "
        "its output has neither a token nor a certificate. Check exec of the user in the kubeconfig"
    )


async def test_a_context_that_the_library_cannot_use_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = {"auth-provider": {"name": "other"}}
    file, missing = kubeconfig(tmp_path / "config", user), tmp_path / "ca.crt"
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(LoginError) as error:
        await log_in()
    assert str(error.value) == (
        "context 'a' of the kubeconfig: its user has no credentials that can be used; "
        "`kubectl --context a get namespaces` shows why"
    )
    config = yaml.safe_load(file.read_text())
    config["clusters"][0]["cluster"]["certificate-authority"] = str(missing)
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(LoginError) as error:
        await log_in()
    assert str(error.value) == f"context 'a' of the kubeconfig: File does not exists: {missing}"


async def test_without_a_kubeconfig_the_service_account_of_the_pod_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(LoginError, match="no cluster"):
        await log_in()
    for name, text in (("token", "sa\n"), ("namespace", "ops"), ("ca.crt", "")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(login, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: None)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = await log_in()
    assert (found.connection.server, found.namespace) == ("https://[fd00::1]:443", "ops")
    assert found.connection.headers() == {"Authorization": "Bearer sa"}
    (tmp_path / "namespace").unlink()
    cause = "the ServiceAccount of the pod cannot be used: FileNotFoundError .*/namespace'"
    with pytest.raises(LoginError, match=f"^{cause}. Set the variable KUBECONFIG to a kubeconfig$"):
        await log_in()


def with_cluster(path: Path, **cluster: str) -> Path:
    document = yaml.safe_load(kubeconfig(path, {"token": "t"}).read_text())
    document["clusters"][0]["cluster"] |= cluster
    path.write_text(yaml.safe_dump(document))
    return path


async def test_a_proxy_and_the_name_of_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cluster = {"proxy-url": "http://proxy:3128", "tls-server-name": "kubernetes"}
    monkeypatch.setenv("KUBECONFIG", str(with_cluster(tmp_path / "config", **cluster)))
    found = (await log_in()).connection.request_options
    assert found == {"proxy": "http://proxy:3128", "server_hostname": "kubernetes"}
    monkeypatch.setenv("KUBECONFIG", str(with_cluster(tmp_path / "config")))
    monkeypatch.setenv("HTTPS_PROXY", "http://other:3128")
    assert (await log_in()).connection.request_options == {"proxy": "http://other:3128"}
    monkeypatch.setenv("NO_PROXY", ".example.com")
    assert (await log_in()).connection.request_options == {}


async def test_an_unsupported_proxy_is_an_error_of_the_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cluster = {"proxy-url": "socks5://localhost:1080"}
    monkeypatch.setenv("KUBECONFIG", str(with_cluster(tmp_path / "config", **cluster)))
    with pytest.raises(LoginError, match="protocol socks5"):
        await log_in()


async def test_impersonation_in_a_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user = {"token": "t", "as": "reader", "as-uid": "7"}
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", user)))
    headers = (await log_in()).connection.headers()
    assert headers == {"Authorization": "Bearer t", "Impersonate-User": "reader", "Impersonate-Uid": "7"}
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", user | {"as-groups": ["a"]})))
    with pytest.raises(LoginError) as error:
        await log_in()
    assert str(error.value) == (
        "the user of context 'a' of the kubeconfig has as-groups, which is not supported; "
        "use a context without this field"
    )
