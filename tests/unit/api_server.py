"""A small API server in memory, for unit tests only. Tests in `tests/cluster` use a real one."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from cryostat_operator.kube.client import JSON_PATCH, MERGE_PATCH, Client
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import Key, Obj, path_of


class Path(NamedTuple):
    """A URL path of an object or of a collection."""

    root: str  # such as /apis/apps/v1
    namespace: str
    plural: str
    name: str
    subresource: str


def parse_path(path: str) -> Path:
    """Split a URL path of the Kubernetes API."""
    parts = path.strip("/").split("/")
    size = 2 if parts[0] == "api" else 3
    root, rest = "/" + "/".join(parts[:size]), parts[size:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *_ = [*rest, "", "", ""]
    return Path(root, namespace, plural, name, subresource)


Hook = Callable[[str, str, Any], ApiError | None]
"""A function of method, path and body of each request. It returns an error to raise, or None."""


class ApiServer(Client):
    """A client with a simulated API server in memory.

    It implements resource versions, UIDs, generations, finalizers, preconditions, label selectors, the status
    subresource, merge and JSON patches, and watches. It has no schema, defaults, admission and garbage collection.

    Attributes:
        requests: method and path of each request, without dry runs.
        dry_runs: the same of each dry run.
        hook: can refuse requests.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.dry_runs: list[tuple[str, str]] = []
        self.hook: Hook | None = None
        self._objects: dict[Path, Obj] = {}
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)
        self._streams: list[tuple[Path, Mapping[str, str], asyncio.Queue[Obj | None]]] = []

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that are not reads."""
        return [(method, path) for method, path in self.requests if method != "GET"]

    def put(self, path: str, obj: Obj) -> Obj:
        """Store an object as another client does. Its metadata gets a UID and a new resource version."""
        where = parse_path(path)
        stored = copy.deepcopy(obj)
        metadata = stored.setdefault("metadata", {})
        metadata.setdefault("name", where.name)
        if where.namespace:
            metadata["namespace"] = where.namespace
        metadata.setdefault("uid", f"uid-{next(self._uids)}")
        metadata.setdefault("generation", 1)
        return self._store(where, stored, "MODIFIED" if where in self._objects else "ADDED")

    def find(self, target: Key | str) -> Obj | None:
        """A stored object. This is not recorded as a request."""
        found = self._objects.get(parse_path(target if isinstance(target, str) else path_of(target)))
        return copy.deepcopy(found) if found else None

    def remove(self, target: Key | str) -> None:
        """Remove an object at once, even if it has finalizers."""
        self._drop(parse_path(target if isinstance(target, str) else path_of(target)))

    def expire_watches(self, path: str) -> None:
        """End the watches of a collection, as an API server does that no longer has their events."""
        for collection, _, queue in self._streams:
            if collection == parse_path(path):
                queue.put_nowait(None)

    async def close(self) -> None:
        """Do nothing."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        must_lead: bool = True,
    ) -> Obj:
        """Process one request, with the interface of `Client.request`."""
        is_dry_run = "dryRun" in (params or {})
        (self.dry_runs if is_dry_run else self.requests).append((method, path))
        await asyncio.sleep(0)  # requests interleave as on a connection
        error = self.hook(method, path, body) if self.hook else None
        if error:
            raise error
        where = parse_path(path)
        if method == "GET" and not where.name:
            return self._list(where, params or {})
        if method == "POST" and is_dry_run:
            return copy.deepcopy(dict(body))
        if method == "POST":
            return self._create(where, body)
        found = self._objects.get(where._replace(subresource=""))
        if found is None:
            raise not_found(where)
        if method == "GET":
            return copy.deepcopy(found)
        if is_dry_run:
            return _patched(found, body, content_type)
        if method == "PUT":
            return self._update(where, found, copy.deepcopy(body))
        if method == "PATCH":
            return self._update(where, found, _patched(found, body, content_type))
        return self._delete(where, found, body or {})

    async def list_page(
        self, path: str, on_item: Callable[[Obj], None], params: Mapping[str, str], accept: str = "application/json"
    ) -> Obj:
        """Call `on_item` with all items, as of one page."""
        page = await self.request("GET", path, params=params, accept=accept)
        for item in page["items"]:
            on_item(item)
        return dict(page["metadata"])

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str], accept: str) -> AsyncIterator[AsyncIterator[Obj]]:
        """Yield the events from now on."""
        watch = parse_path(path), params, asyncio.Queue[Obj | None]()
        self._streams.append(watch)
        try:
            yield _events(watch[2])
        finally:
            self._streams.remove(watch)

    def _list(self, where: Path, params: Mapping[str, str]) -> Obj:
        items = [copy.deepcopy(obj) for path, obj in sorted(self._objects.items()) if _is_in(path, where)]
        selected = [obj for obj in items if _matches(obj, params.get("labelSelector", ""))]
        return {"metadata": {"resourceVersion": str(next(self._versions))}, "items": selected}

    def _create(self, where: Path, body: Obj) -> Obj:
        where = where._replace(name=body["metadata"]["name"])
        if where in self._objects:
            details = {"name": where.name, "kind": where.plural}
            raise ApiError(409, "AlreadyExists", f'{where.plural} "{where.name}" already exists', details)
        return copy.deepcopy(self.put("/".join(_segments(where)), {**copy.deepcopy(body)}))

    def _update(self, where: Path, old: Obj, new: Obj) -> Obj:
        for name in ("resourceVersion", "uid"):
            if new["metadata"].get(name) not in (None, old["metadata"][name]):
                raise ApiError(409, "Conflict", f"{name} does not match", {"name": where.name, "kind": where.plural})
        if where.subresource == "status":
            new = {**old, "status": new.get("status")}
        elif "status" in old:
            new["status"] = old["status"]
        kept = {name: old["metadata"][name] for name in ("uid", "generation") if name in old["metadata"]}
        new["metadata"] = {**new["metadata"], **kept}
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        where = where._replace(subresource="")
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            self._drop(where)
            return new
        return copy.deepcopy(self._store(where, new, "MODIFIED"))

    def _delete(self, where: Path, found: Obj, options: Obj) -> Obj:
        uid = (options.get("preconditions") or {}).get("uid")
        if uid not in (None, found["metadata"]["uid"]):
            raise ApiError(409, "Conflict", "the UID in the precondition does not match")
        if found["metadata"].get("finalizers"):
            found["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z"
            return copy.deepcopy(self._store(where, found, "MODIFIED"))
        self._drop(where)
        return {"kind": "Status", "status": "Success"}

    def _store(self, where: Path, obj: Obj, event: str) -> Obj:
        obj["metadata"]["resourceVersion"] = str(next(self._versions))
        self._objects[where] = obj
        self._notify(where, event, obj)
        return obj

    def _drop(self, where: Path) -> None:
        obj = self._objects.pop(where, None)
        if obj:
            obj["metadata"]["resourceVersion"] = str(next(self._versions))
            self._notify(where, "DELETED", obj)

    def _notify(self, where: Path, event: str, obj: Obj) -> None:
        for collection, params, queue in self._streams:
            if _is_in(where, collection) and _matches(obj, params.get("labelSelector", "")):
                queue.put_nowait({"type": event, "object": copy.deepcopy(obj)})


def not_found(where: Path) -> ApiError:
    """The error for an object that does not exist."""
    details = {"name": where.name, "kind": where.plural}
    return ApiError(404, "NotFound", f'{where.plural} "{where.name}" not found', details)


async def _events(queue: asyncio.Queue[Obj | None]) -> AsyncIterator[Obj]:
    while event := await queue.get():
        yield event
    raise ApiError(410, "Expired", "too old resource version")


def _segments(where: Path) -> list[str]:
    scope = ["namespaces", where.namespace] if where.namespace else []
    return [where.root, *scope, where.plural, where.name]


def _is_in(path: Path, collection: Path) -> bool:
    same = (path.root, path.plural) == (collection.root, collection.plural)
    return same and collection.namespace in ("", path.namespace)


def _matches(obj: Obj, selector: str) -> bool:
    labels = obj["metadata"].get("labels") or {}
    for term in filter(None, selector.split(",")):
        if "=" in term:
            name, value = term.split("=", 1)
            if labels.get(name) != value:
                return False
        elif (term.lstrip("!") in labels) is term.startswith("!"):
            return False
    return True


def _patched(obj: Obj, patch: Any, content_type: str) -> Obj:
    if content_type == MERGE_PATCH:
        return dict(_merge(copy.deepcopy(obj), patch))
    assert content_type == JSON_PATCH
    result = copy.deepcopy(obj)
    for operation in patch:
        _apply(result, operation)
    return result


def _merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


def _apply(obj: Obj, operation: Obj) -> None:
    """Apply one operation of a JSON patch (RFC 6902): add, remove or test."""
    *parents, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
    target: Any = obj
    for step in parents:
        target = target[int(step)] if isinstance(target, list) else target.get(step)
    index: Any = last if isinstance(target, dict) else len(target) if last == "-" else int(last)
    if operation["op"] == "add":
        if isinstance(target, list):
            target.insert(index, operation["value"])
        else:
            target[index] = operation["value"]
        return
    missing = index >= len(target) if isinstance(target, list) else index not in target
    if missing or (operation["op"] == "test" and target[index] != operation["value"]):
        raise ApiError(422, "Invalid", f"the server rejected the patch: {operation['path']} does not match")
    if operation["op"] == "remove":
        del target[index]
