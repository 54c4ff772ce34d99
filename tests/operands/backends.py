"""Connections of the application to database and object storage, with only the variables that the operator sets."""

from __future__ import annotations

import datetime
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.operands.signature import Signer

_STATIC = "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER"
TIMEOUT = 15  # seconds for one request


class UnreachableError(Exception):
    """A backend cannot be used. The message is that of its client."""


@dataclass(frozen=True)
class Database:
    """The database connection of QUARKUS_DATASOURCE_*. `parameters` are those of libpq."""

    parameters: Mapping[str, str]
    password: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Database:
        """Raise KeyError for a missing variable, ValueError for a wrong URL."""
        url = env["QUARKUS_DATASOURCE_JDBC_URL"]
        if not url.startswith("jdbc:postgresql://"):
            raise ValueError(f"QUARKUS_DATASOURCE_JDBC_URL is no address of PostgreSQL: {url}")
        parts = urlsplit(url.removeprefix("jdbc:"))
        query: dict[str, str] = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        parameters: dict[str, str] = {
            "host": parts.hostname or "",
            "port": str(parts.port or 5432),
            "dbname": parts.path.lstrip("/"),
            "user": env["QUARKUS_DATASOURCE_USERNAME"],
            "connect_timeout": str(TIMEOUT),
            **{name: query[name] for name in ("sslmode", "sslrootcert") if name in query},
        }
        return cls(parameters, env["QUARKUS_DATASOURCE_PASSWORD"])

    def query(self, sql: str) -> str:
        """Run a query and return its output. Raises UnreachableError."""
        text = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        command = ["psql", text, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", sql]
        return _output(command, {"PGPASSWORD": self.password})

    def migrate(self) -> None:
        """Create the table for values, which are encrypted with the key of the database. Raises UnreachableError."""
        self.query("CREATE TABLE IF NOT EXISTS kept (name text PRIMARY KEY, value bytea)")

    def keep(self, name: str, value: str) -> None:
        """Store a value under a name. Raises UnreachableError, also without an encryption key."""
        encrypted = f"pgp_sym_encrypt({_text(value)}, current_setting('encrypt.key'))"
        values = f"({_text(name)}, {encrypted})"
        self.query(f"INSERT INTO kept VALUES {values} ON CONFLICT (name) DO UPDATE SET value = excluded.value")

    def kept(self, name: str) -> str:
        """The stored value of a name, or an empty text. Raises UnreachableError."""
        decrypted = "pgp_sym_decrypt(value, current_setting('encrypt.key'))"
        return self.query(f"SELECT {decrypted} FROM kept WHERE name = {_text(name)}").strip()


@dataclass(frozen=True)
class Storage:
    """The S3 client of QUARKUS_S3_*.

    Attributes:
        authorities: a file with the trusted certificates, or None to trust every certificate.
    """

    endpoint: str
    signer: Signer
    authorities: Path | None

    @classmethod
    def from_env(cls, env: Mapping[str, str], authorities: Path) -> Storage:
        """Raise KeyError for a missing variable, ValueError for one with another value than the application takes."""
        trust = {env[f"QUARKUS_S3_{kind}_CLIENT_TLS_TRUST_MANAGERS_PROVIDER_TYPE"] for kind in ("SYNC", "ASYNC")}
        if trust not in ({"system-property"}, {"trust-all"}):
            raise ValueError(f"both S3 clients must trust the same certificates: {sorted(trust)}")
        if env["QUARKUS_S3_AWS_CREDENTIALS_TYPE"] != "static":
            raise ValueError("QUARKUS_S3_AWS_CREDENTIALS_TYPE must be static")
        return cls(
            env["QUARKUS_S3_ENDPOINT_OVERRIDE"].rstrip("/"),
            Signer(env[f"{_STATIC}_ACCESS_KEY_ID"], env[f"{_STATIC}_SECRET_ACCESS_KEY"], env["QUARKUS_S3_AWS_REGION"]),
            None if trust == {"trust-all"} else authorities,
        )

    def request(self, method: str, path: str, body: bytes = b"") -> str:
        """Send a signed request and return the response. Raises UnreachableError, also for an unsuccessful status."""
        url = f"{self.endpoint}/{path}"
        headers = self.signer.headers(method, url, body, datetime.datetime.now(datetime.UTC))
        request = urllib.request.Request(url, body or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT, context=self.trust()) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            raise UnreachableError(f"{method} {url}: {error.code} {error.read().decode()}") from error
        except OSError as error:
            raise UnreachableError(f"{method} {url}: {error}") from error

    def trust(self) -> ssl.SSLContext:
        """The certificates that the client accepts."""
        if self.authorities:
            return ssl.create_default_context(cafile=str(self.authorities))
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def trusted_certificates(directory: Path, target: Path) -> Path:
    """Write the first certificate of each file below a directory to one file, as the image imports them."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not any(part.startswith("..") for part in path.parts):
            certificate = re.search(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", path.read_text(), re.S)
            if certificate is None:
                raise ValueError(f"{path} is no certificate")
            found.append(certificate[0])
    target.write_text("\n".join(found) + "\n")
    return target


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _output(command: list[str], env: Mapping[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=2 * TIMEOUT)
    if done.returncode:
        raise UnreachableError(done.stderr.strip())
    return done.stdout
