"""The TLS settings of a kubeconfig."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.inspect.tls_context import tls_context
from cryostat_operator.kube.errors import LoginError
from cryostat_operator.pki import signing
from cryostat_operator.pki.signing import CertificateTemplate


class Pair:
    """A client certificate and its key, as files and as base64."""

    def __init__(self, directory: Path) -> None:
        key = signing.new_key()
        certificate = signing.sign_certificate(CertificateTemplate("user"), key, 1_800_000_000.0)
        contents = {
            "client-certificate": signing.certificates_pem([certificate]),
            "client-key": signing.key_pem(key),
        }
        self.files: dict[str, str] = {}
        self.data: dict[str, str] = {}
        for field, content in contents.items():
            file = directory / field
            file.write_bytes(content)
            self.files[field] = str(file)
            self.data[f"{field}-data"] = base64.b64encode(content).decode()


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of the certificates and keys that were loaded."""
    texts: list[str] = []
    load = ssl.SSLContext.load_cert_chain

    def record(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
        load(context, certificate, key)
        texts.extend(Path(file).read_text() for file in (certificate, key) if file)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", record)
    return texts


@pytest.mark.parametrize(("certificate", "key"), [(a, b) for a in ("files", "data") for b in ("files", "data")])
def test_certificate_and_key_are_files_or_data(pair: Pair, loaded: list[str], certificate: str, key: str) -> None:
    user = {
        **{k: v for k, v in getattr(pair, certificate).items() if "certificate" in k},
        **{k: v for k, v in getattr(pair, key).items() if "key" in k},
    }
    tls_context({}, user)
    assert loaded == [Path(pair.files[field]).read_text() for field in ("client-certificate", "client-key")]


def test_data_takes_precedence_over_a_file(pair: Pair, loaded: list[str], tmp_path: Path) -> None:
    missing = dict.fromkeys(pair.files, str(tmp_path / "missing"))
    tls_context({}, {**missing, **pair.data})
    assert len(loaded) == 2


def test_without_a_certificate_none_is_loaded(loaded: list[str]) -> None:
    tls_context({}, {"token": "t"})
    assert loaded == []


@pytest.mark.parametrize("change", [{"client-key-data": None}, {"client-key-data": "b3RoZXI="}])
def test_a_certificate_without_its_key_is_reported(pair: Pair, change: dict[str, Any]) -> None:
    with pytest.raises(LoginError) as error:
        tls_context({}, {**pair.data, **change})
    assert str(error.value) == (
        "client-certificate and client-key of the kubeconfig are not a certificate and its private key"
    )
