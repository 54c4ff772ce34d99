"""The proxy for the API server, selected as by kubectl and Go's `http.ProxyFromEnvironment`."""

from __future__ import annotations

import pytest

from cryostat_operator.kube.http_proxy import UnsupportedProxyError, proxy_for

PROXY = "http://proxy.example.com:3128"
API = "https://api.example.com:6443"


@pytest.mark.parametrize(
    ("server", "configured", "environment", "expected"),
    [
        (API, None, {}, None),
        (API, PROXY, {}, PROXY),
        (API, PROXY, {"HTTPS_PROXY": "http://other", "NO_PROXY": "*"}, PROXY),
        (API, None, {"HTTPS_PROXY": PROXY}, PROXY),
        (API, None, {"https_proxy": "proxy.example.com:3128"}, PROXY),
        (API, None, {"HTTP_PROXY": PROXY}, None),
        ("http://api.example.com", None, {"HTTP_PROXY": PROXY}, PROXY),
        ("https://127.0.0.1:6443", None, {"HTTPS_PROXY": PROXY}, None),
        ("https://localhost:6443", None, {"HTTPS_PROXY": PROXY}, None),
        ("https://[::1]:6443", None, {"HTTPS_PROXY": PROXY}, None),
    ],
)
def test_the_proxy_comes_from_the_kubeconfig_or_variables(
    server: str, configured: str | None, environment: dict[str, str], expected: str | None
) -> None:
    assert proxy_for(server, configured, environment) == expected


@pytest.mark.parametrize(
    ("server", "excluded", "expected"),
    [
        (API, "api.example.com", True),
        (API, "other.example.com, example.com", True),
        (API, ".example.com", True),
        (API, "*.example.com", True),
        ("https://example.com", ".example.com", False),
        ("https://badexample.com", "example.com", False),
        (API, "api.example.com:6443", True),
        (API, "api.example.com:443", False),
        (API, "*", True),
        (API, "", False),
        ("https://10.96.0.1", "10.96.0.0/12", True),
        ("https://10.112.0.1", "10.96.0.0/12", False),
        ("https://10.96.0.1", "10.96.0.1", True),
        ("https://10.96.0.1", "10.96.0.1:443", True),
        ("https://10.96.0.1", "6.0.1", False),
        ("https://[fd00::1]", "fd00::/8", True),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
        ("https://[fd00::1]", "10.0.0.0/8", False),
    ],
)
def test_no_proxy(server: str, excluded: str, expected: bool) -> None:
    assert (proxy_for(server, None, {"HTTPS_PROXY": PROXY, "NO_PROXY": excluded}) is None) is expected


def test_a_proxy_with_another_protocol() -> None:
    with pytest.raises(UnsupportedProxyError) as error:
        proxy_for(API, "socks5://localhost:1080", {})
    assert str(error.value) == (
        "the proxy has the protocol socks5, and only HTTP proxies are supported; "
        "run `kubectl proxy` and use a kubeconfig with its address"
    )


@pytest.mark.parametrize("url", ["http://[", "http://proxy:99999", "http://user:secret/with-slash@proxy:1"])
def test_a_proxy_without_a_valid_url(url: str) -> None:
    with pytest.raises(UnsupportedProxyError) as error:
        proxy_for(API, url, {})
    assert str(error.value) == (
        "the URL of the HTTP proxy is not valid; "
        "correct proxy-url of the cluster in the kubeconfig, or the variable HTTPS_PROXY"
    )
