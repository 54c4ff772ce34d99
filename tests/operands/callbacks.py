"""The credentials that agents store in the application, and the application's calls to agents with them."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.operands.discovery import RefusedError

TIMEOUT = 10  # seconds


@dataclass(frozen=True)
class Credential:
    """The login of one agent's server. `expression` selects its targets."""

    expression: str
    username: str
    password: str


class Credentials:
    """All stored credentials by their numbers."""

    def __init__(self) -> None:
        self._last = 0
        self._found: dict[int, Credential] = {}

    def add(self, form: Mapping[str, str]) -> int:
        """Store credentials and return their number. Raises RefusedError for wrong ones."""
        missing = [name for name in ("matchExpression", "username", "password") if not form.get(name)]
        if missing:
            raise RefusedError(400, f"{', '.join(missing)} cannot be blank")
        if self.number_of(form["matchExpression"]):
            raise RefusedError(409, "there are credentials with this expression")
        self._last += 1
        self._found[self._last] = Credential(form["matchExpression"], form["username"], form["password"])
        return self._last

    def number_of(self, expression: str) -> int | None:
        """The number of the credentials with exactly this expression."""
        return next((number for number, each in self._found.items() if each.expression == expression), None)

    def get(self, number: int) -> Credential:
        """Raise RefusedError if no credentials have this number."""
        if number not in self._found:
            raise RefusedError(404, f"no credentials {number}")
        return self._found[number]

    def delete(self, number: int) -> None:
        """Raise RefusedError if no credentials have this number."""
        self.get(number)
        del self._found[number]


@dataclass(frozen=True)
class Caller:
    """The application's client for agents.

    Attributes:
        authorities: a file with the certificates that it trusts.
        verify_host: whether the certificate must be for the host of the callback (QUARKUS_REST_CLIENT_VERIFY_HOST).
    """

    authorities: Path
    verify_host: bool = True

    def ping(self, callback: str, credential: Credential) -> None:
        """GET the callback. Raises RefusedError if the agent does not answer, or refuses the credentials."""
        login = base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()
        request = urllib.request.Request(callback, headers={"Authorization": f"Basic {login}"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT, context=self._context(callback)):
                return
        except (OSError, ValueError) as error:
            raise RefusedError(400, f"the callback {callback} failed: {error}") from error

    def _context(self, callback: str) -> ssl.SSLContext | None:
        if not callback.startswith("https:"):
            return None
        context = ssl.create_default_context(cafile=str(self.authorities))
        context.check_hostname = self.verify_host
        return context


def parse_form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a multipart form. Raises RefusedError for another body."""
    text = b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(text)
    if not message.is_multipart():
        raise RefusedError(415, "the body is no multipart form")
    fields = {}
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload.decode()
    return fields
