"""A small synchronous client of the Kubernetes API for tests. It takes and returns objects as plain dicts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3

Object = dict[str, Any]
T = TypeVar("T")

# With this header, the API server sends only the metadata of the objects in a list. That costs less if they are large.
METADATA_LIST = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"}
PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",  # JSON is YAML
}


class ApiError(Exception):
    """The API server answered with an error: `code` (HTTP), `reason` (for example `NotFound`), `message`."""

    def __init__(self, code: int, reason: str, message: str, request: str) -> None:
        super().__init__(f"{request}: {code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


class Api:
    """A client of one API server with one user's credentials. It is thread-safe and keeps connections alive."""

    def __init__(self, server: str, tls: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Set the credentials.

        Args:
            tls: urllib3's `ca_certs`, and `cert_file`, `key_file` or `cert_reqs` where needed.
            headers: headers of every request.
        """
        self.server = server.rstrip("/")
        self._tls = tls
        self._headers = urllib3.HTTPHeaderDict({"Accept": "application/json", **headers})
        self._pool = urllib3.PoolManager(maxsize=16, retries=False, **tls)
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    @property
    def ca_file(self) -> Path | None:
        """The file of the trusted certificate authority, or None for the authorities of the system."""
        return Path(self._tls["ca_certs"]) if self._tls.get("ca_certs") else None

    @property
    def insecure(self) -> bool:
        """Whether the server's certificate is not verified."""
        return self._tls.get("cert_reqs") == "CERT_NONE"

    def with_token(self, token: str) -> Api:
        """A client of the same server that authenticates with this token."""
        tls = {key: value for key, value in self._tls.items() if key not in ("cert_file", "key_file")}
        return Api(self.server, tls, {"Authorization": f"Bearer {token}"})

    def impersonating(self, user: str, *groups: str) -> Api:
        """A client of the same server that impersonates a user, for which the present user needs the permission."""
        other = Api(self.server, self._tls, {})
        other._headers = urllib3.HTTPHeaderDict(self._headers)
        other._headers["Impersonate-User"] = user
        for group in ("system:authenticated", *groups):
            other._headers.add("Impersonate-Group", group)  # one header line per group
        return other

    def token_for(self, service_account: str, namespace: str, *, seconds: int = 86400) -> str:
        """A token of the TokenRequest API, valid for `seconds` (the API server's minimum is 600)."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        token: str = self.request("POST", path, body)["status"]["token"]
        return token

    # --- any request ---

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        *,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """Send a request and return the decoded response: JSON, else text.

        Args:
            headers: further headers, for example `METADATA_LIST`.
            query: parameters.

        Raises:
            ApiError: the response has status 4xx or 5xx.
            urllib3.exceptions.HTTPError: there is no response.
        """
        sent = self._headers.copy()
        sent["Content-Type"] = content_type
        for name, value in (headers or {}).items():
            sent[name] = value
        answer = self._pool.request(
            method, self._url(path, query), headers=sent, timeout=urllib3.Timeout(connect=5, read=70),
            body=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        return _decoded(answer.status, answer.data, f"{method} {path}")

    def _url(self, path: str, query: dict[str, Any]) -> str:
        known = {
            key: str(value).lower() if isinstance(value, bool) else value
            for key, value in query.items()
            if value is not None
        }
        return self.server + path + ("?" + urlencode(known) if known else "")

    # --- objects ---

    def path(
        self, api_version: str, kind: str, namespace: str | None = None, name: str | None = None, sub: str = ""
    ) -> str:
        """URL path of a collection, an object or a subresource. Raises LookupError when the kind is not served."""
        plural, namespaced = self._resource(api_version, kind)
        prefix = "/api/" if "/" not in api_version else "/apis/"
        parts = [prefix + api_version]
        if namespaced and namespace:
            parts.append(f"namespaces/{namespace}")
        return "/".join([*parts, plural, *([name] if name else []), *([sub] if sub else [])])

    def forget_kinds(self, group: str) -> None:
        """Drop the cached kinds of an API group, after its definitions were deleted."""
        for api_version, kind in [*self._kinds]:
            if api_version.startswith(f"{group}/"):
                del self._kinds[api_version, kind]

    def path_of(self, obj: Object, sub: str = "") -> str:
        """The URL path of an object. A namespaced object without a namespace is in `default`."""
        meta = obj["metadata"]
        return self.path(obj["apiVersion"], obj["kind"], meta.get("namespace", "default"), meta["name"], sub)

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object. Raises ApiError with code 404 if it does not exist."""
        answer: Object = self.request("GET", self.path(api_version, kind, namespace, name))
        return answer

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None if it does not exist."""
        try:
            return self.get(api_version, kind, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str | None = None, **query: Any) -> list[Object]:
        """All objects of a kind, with `apiVersion` and `kind` filled in.

        Args:
            query: parameters of the request, for example `labelSelector`.
        """
        answer = self.request("GET", self.path(api_version, kind, namespace), **query)
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer["items"]]

    def list_metadata(self, api_version: str, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """List the objects of a kind with their metadata alone."""
        answer = self.request("GET", self.path(api_version, kind, namespace), headers=METADATA_LIST)
        return [{**item, "apiVersion": api_version, "kind": kind} for item in answer["items"] or ()]

    def create(self, obj: Object, **query: Any) -> Object:
        """Create an object. An unknown field is an error."""
        meta = obj["metadata"]
        path = self.path(obj["apiVersion"], obj["kind"], meta.get("namespace", "default"))
        answer: Object = self.request("POST", path, obj, **{"fieldValidation": "Strict", **query})
        return answer

    def apply(self, obj: Object, manager: str = "tests", **query: Any) -> Object:
        """Apply an object (server-side apply, forced). An unknown field is an error."""
        query = {"fieldManager": manager, "force": True, "fieldValidation": "Strict", **query}
        answer: Object = self.request("PATCH", self.path_of(obj), obj, PATCH_TYPES["apply"], **query)
        return answer

    def replace(self, obj: Object, sub: str = "") -> Object:
        """Replace a whole object, with optimistic locking if it has a resourceVersion."""
        answer: Object = self.request("PUT", self.path_of(obj, sub), obj)
        return answer

    def patch(self, obj: Object, body: Any, patch_type: str = "merge", sub: str = "") -> Object:
        """Patch the object with the kind, namespace and name of `obj`. A dict is a merge patch, a list a JSON patch."""
        content_type = PATCH_TYPES["json" if isinstance(body, list) else patch_type]
        answer: Object = self.request("PATCH", self.path_of(obj, sub), body, content_type)
        return answer

    def delete(self, obj: Object, *, propagation: str = "Background", missing_ok: bool = True) -> None:
        """Delete the object with the kind, namespace and name of `obj`."""
        try:
            self.request("DELETE", self.path_of(obj), {"propagationPolicy": propagation})
        except ApiError as error:
            if error.code != 404 or not missing_ok:
                raise

    def watch(
        self, api_version: str, kind: str, namespace: str | None = None, *, seconds: int = 300, **query: Any
    ) -> Iterator[Object]:
        """Yield watch events for `seconds`. Without `resourceVersion` they begin with existing objects."""
        path = self.path(api_version, kind, namespace)
        url = self._url(path, {"watch": True, "timeoutSeconds": seconds, "allowWatchBookmarks": True, **query})
        timeout = urllib3.Timeout(connect=5, read=seconds + 10)
        answer = self._pool.request("GET", url, headers=self._headers, preload_content=False, timeout=timeout)
        try:
            if answer.status >= 400:
                _decoded(answer.status, answer.read(), f"WATCH {path}")
            yield from _lines(answer)
        finally:
            answer.close()

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._kinds:
            prefix = "/api/" if "/" not in api_version else "/apis/"
            try:
                resources = self.request("GET", prefix + api_version)["resources"]
            except ApiError as error:
                raise LookupError(f"{api_version} is not served: {error}") from error
            for resource in resources:
                if "/" not in resource["name"]:
                    self._kinds[api_version, resource["kind"]] = resource["name"], resource["namespaced"]
        try:
            return self._kinds[api_version, kind]
        except KeyError:
            raise LookupError(f"{api_version} has no kind {kind}") from None


def eventually(probe: Callable[[], T], timeout: float = 60.0, what: str = "", interval: float = 0.1) -> T:
    """Call `probe` until it returns a true value, and return this value.

    An AssertionError, ApiError or LookupError of `probe` counts as a false value. In long waits the calls are rarer,
    because each takes CPU time of this process and of the API server.

    Args:
        timeout: seconds.
        what: describes the expected state in the error message.
        interval: seconds between two calls. After a wait of ten seconds they are at least half a second.

    Raises:
        TimeoutError: with `what` and the last value or error of `probe`.
    """
    started = time.monotonic()
    while True:
        last: object
        try:
            if answer := probe():
                return answer
            last = answer
        except (AssertionError, ApiError, LookupError) as error:
            last = error
        waited = time.monotonic() - started
        if waited > timeout:
            raise TimeoutError(f"{what or 'it'} did not happen within {timeout:.0f} s; last: {str(last)[:2000]}")
        time.sleep(max(interval, min(0.5, waited / 20)))


def condition(obj: Object, kind: str) -> Object:
    """The condition of this type, or an empty dict."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def _decoded(status: int, data: bytes, request: str) -> Any:
    try:
        content = json.loads(data)
    except ValueError:
        content = data.decode(errors="replace")
    if status >= 400:
        known = content if isinstance(content, dict) else {}
        raise ApiError(status, known.get("reason", ""), known.get("message", str(content)), request)
    return content


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[Object]:
    rest = b""
    for chunk in answer.stream(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line)
