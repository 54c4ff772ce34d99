"""The simulated application's connections to database and storage, with the variables that the operator sets."""

from __future__ import annotations

import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.operands import backends, web
from tests.operands.backends import Database, Storage, UnreachableError, trusted_certificates
from tests.unit.operands.variables import variables as variables

CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def test_the_certificate_of_the_database_is_verified(variables: dict[str, str]) -> None:
    database = Database.from_env(variables)
    assert database.parameters["sslmode"] == "verify-full"
    assert database.parameters["sslrootcert"].endswith("-database-tls/ca.crt")
    assert database.password == "pa'ss"


def test_another_address_than_one_of_postgresql_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no address of PostgreSQL"):
        Database.from_env({**variables, "QUARKUS_DATASOURCE_JDBC_URL": "jdbc:h2:mem"})


def test_texts_in_sql_are_quoted(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def query(database: Database, sql: str) -> str:
        asked.append(sql)
        return "answer\n"

    monkeypatch.setattr(Database, "query", query)
    database = Database.from_env(variables)
    database.keep("it's", "a 'value'")
    assert database.kept("it's") == "answer"
    assert "('it''s', pgp_sym_encrypt('a ''value''', current_setting('encrypt.key')))" in asked[0]
    assert asked[1].endswith("WHERE name = 'it''s'")


def test_both_s3_clients_need_trusted_certificates(variables: dict[str, str]) -> None:
    assert Storage.from_env(variables, Path("ca")).authorities == Path("ca")
    name = "QUARKUS_S3_ASYNC_CLIENT_TLS_TRUST_MANAGERS_PROVIDER_TYPE"
    with pytest.raises(ValueError, match="both S3 clients"):
        Storage.from_env({**variables, name: "trust-all"}, Path("ca"))
    with pytest.raises(KeyError):
        Storage.from_env({key: value for key, value in variables.items() if key != name}, Path("ca"))


def test_a_refused_request_is_an_unreachable_storage(variables: dict[str, str]) -> None:
    asked: list[web.Request] = []

    def answer(request: web.Request) -> tuple[int, None]:
        asked.append(request)
        return (200 if request.path == "/bucket/key" else 403), None

    server = web.server("127.0.0.1", 0, answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    storage = Storage.from_env({**variables, "QUARKUS_S3_ENDPOINT_OVERRIDE": url}, Path("/dev/null"))
    storage = replace(storage, authorities=None)
    try:
        assert storage.request("PUT", "bucket/key", b"body") == ""
        with pytest.raises(UnreachableError, match="403"):
            storage.request("GET", "other")
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(UnreachableError):
        storage.request("GET", "bucket/key")
    assert "Credential=access/" in asked[0].headers["authorization"]
    assert "secret" not in str(asked[0].headers)


def test_certificates_of_the_storage_are_verified(variables: dict[str, str]) -> None:
    bundle = ssl.get_default_verify_paths().cafile
    assert bundle
    assert Storage.from_env(variables, Path(bundle)).trust().verify_mode == ssl.CERT_REQUIRED
    kinds = [f"QUARKUS_S3_{kind}_CLIENT_TLS_TRUST_MANAGERS_PROVIDER_TYPE" for kind in ("SYNC", "ASYNC")]
    trusting = Storage.from_env({**variables, **dict.fromkeys(kinds, "trust-all")}, Path("missing"))
    assert trusting.trust().verify_mode == ssl.CERT_NONE


def test_a_client_that_fails_is_an_unreachable_backend() -> None:
    with pytest.raises(UnreachableError, match="the reason"):
        backends._output(["sh", "-c", "echo the reason >&2; exit 3"], {})


def test_the_first_certificate_of_each_file_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "operator").mkdir()
    (tmp_path / "operator/bundle.crt").write_text(CERTIFICATE.format("first") + CERTIFICATE.format("second"))
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data/tls.crt").write_text(CERTIFICATE.format("twice"))
    found = trusted_certificates(tmp_path, tmp_path.with_suffix(".pem")).read_text()
    assert "first" in found
    assert "second" not in found
    assert "twice" not in found
    (tmp_path / "operator/other").write_text("no certificate")
    with pytest.raises(ValueError, match="is no certificate"):
        trusted_certificates(tmp_path, tmp_path.with_suffix(".pem"))
