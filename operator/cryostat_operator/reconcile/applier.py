"""The foreman: carries out the writes that `compare` decided, all at once, and says what the API server refused."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..kube.client import Client
from ..kube.errors import ApiError, ApiUnavailable
from ..observe.owned_objects import OwnedObjects
from ..plan.diff.comparison import merged
from ..plan.diff.managed_fields import trimmed
from ..plan.diff.ownership import belongs_to, has_lost_labels, instance_of
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import InstanceKey, Key, Obj
from .secret_provider import SecretContent, SecretProvider

_IN_FLIGHT = 48  # writes of the whole operator; two cores of API server are busy with a third of that
_IN_FLIGHT_EACH = 16  # writes of one Cryostat
# A Cryostat whose writes take long (a policy webhook that hangs) gets little, so that others have room.
_SLOW = 2.0  # seconds
_IN_FLIGHT_SLOW = 2


@dataclass(frozen=True)
class Refusal:
    """A write that the API server, or our respect for other people's objects, did not let through."""

    key: Key
    reason: str
    message: str
    temporary: bool = False  # nobody needs to hear of it: the next run settles it


@dataclass
class Outcome:
    """What a round of writes came to."""

    done: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    replaced: dict[Key, Obj] = field(default_factory=dict)  # the objects as the API server has them after our writes


class Applier:
    """Writes the children of Cryostats and keeps the cache abreast of the answers."""

    def __init__(self, client: Client, children: OwnedObjects) -> None:
        self._client = client
        self._children = children
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._slow: set[InstanceKey] = set()
        self._log = logging.getLogger(__name__)

    async def act(self, owner: InstanceKey, actions: Iterable[Change]) -> Outcome:
        outcome = Outcome()
        slots = asyncio.Semaphore(_IN_FLIGHT_SLOW if owner in self._slow else _IN_FLIGHT_EACH)
        self._slow.discard(owner)
        actions = list(actions)
        workshop = SecretProvider(self._client, actions)

        async def one(action: Change) -> None:
            result = await self._attempt(owner, action, workshop, slots)
            if isinstance(result, Refusal):
                outcome.refused.append(result)
                return
            outcome.done.append(action)
            if result is not None:
                outcome.replaced[action.key] = result

        try:
            await asyncio.gather(*(one(action) for action in actions))
        finally:
            await workshop.close()
        outcome.refused.sort(key=lambda refusal: refusal.key)
        return outcome

    async def _attempt(
        self, owner: InstanceKey, action: Change, workshop: SecretProvider, slots: asyncio.Semaphore
    ) -> Refusal | Obj | None:
        try:
            content = SecretContent(action.order, await workshop.prepare(action))
            async with slots, self._slots:
                started = time.monotonic()
                try:
                    result = await self._carry_out(owner, action, content)
                finally:
                    if time.monotonic() - started > _SLOW:
                        self._slow.add(owner)
        except ApiUnavailable as error:
            return Refusal(action.key, "ApiServerUnavailable", f"{action.key}: {error.message}", temporary=True)
        except ApiError as error:
            return _refusal(action, error)
        except Exception as error:
            self._log.exception("Writing %s failed", action.key)
            return Refusal(action.key, "WriteRefused", f"{action.key}: {type(error).__name__}; the log tells more")
        if not isinstance(result, Refusal):
            self._log.info("%s %s", _PAST[action.verb], action.key)
        return result

    async def _carry_out(self, owner: InstanceKey, action: Change, content: SecretContent) -> Refusal | Obj | None:
        if action.verb in ("delete", "recreate"):
            await self._client.delete(action.key, action.uid)
            return None  # a re-creation follows when the deletion is seen
        assert action.obj is not None
        if action.verb == "create":
            return await self._create(owner, action.key, action.obj, content)
        if action.key.kind == "Secret":
            await self._write_secret(owner, action, content)
            return None
        try:
            return await self._replace(action.key, action.obj)
        except ApiError as error:
            if error.status != 422 or "immutable" not in error.message or action.key.kind not in _REPLACEABLE:
                raise
            await self._client.delete(action.key, action.obj["metadata"]["uid"])
            return None  # made anew when the deletion is seen

    async def _create(self, owner: InstanceKey, key: Key, obj: Obj, content: SecretContent) -> Refusal | Obj | None:
        body = {**obj, "data": await content.merged_with({})} if content.request else obj
        try:
            created = await self._client.create(body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return await self._adopt(owner, key, obj, content)
        self._children.put(key.kind, created, enqueue=False)
        return None

    async def _adopt(self, owner: InstanceKey, key: Key, obj: Obj, content: SecretContent) -> Refusal | Obj | None:
        """Something of that name exists: take it over if it was made for this Cryostat, else leave it alone."""
        live = await self._client.get_or_none(key)
        if live is None:
            return Refusal(key, "Conflict", f"{key} came and went", temporary=True)
        known = belongs_to(live, key, owner) or has_lost_labels(live, key, owner)
        if not known and not (content.request and content.request.restores):
            return Refusal(key, "NameCollision", _collision(key, live))
        if "deletionTimestamp" in live["metadata"]:
            return Refusal(key, "BeingDeleted", f"{key} is being deleted; it is made again afterwards", temporary=True)
        if instance_of(live) == owner:
            self._children.put(key.kind, live, enqueue=True)  # made a moment ago; the next draft knows it
            return Refusal(key, "Conflict", f"{key} has just appeared", temporary=True)
        live = trimmed(key.kind, live)
        if key.kind == "Secret":
            await self._replace_secret(key, merged(obj, live), content)
            return None
        return await self._replace(key, merged(obj, live))

    async def _replace(self, key: Key, obj: Obj) -> Obj:
        answer = await self._client.replace(key, obj)
        self._children.put(key.kind, answer, enqueue=False)
        return trimmed(key.kind, answer)

    async def _write_secret(self, owner: InstanceKey, action: Change, content: SecretContent) -> None:
        known = self._children.of(owner).get(action.key)
        if action.order or not action.obj or not known:
            await self._replace_secret(action.key, action.obj or {}, content)
            return
        # The values are not known here and need not be: only the head changes.
        answer = await self._client.merge(action.key, _head_patch(action.obj, known.obj))
        self._children.put(action.key.kind, answer, enqueue=False)

    async def _replace_secret(self, key: Key, head: Obj, content: SecretContent) -> None:
        """Write the head of a Secret around the data that it has; only what is missing or unfit is made."""
        live = await self._client.get(key)
        if head["metadata"].get("uid") not in (None, live["metadata"]["uid"]):
            raise ApiError(409, "Conflict", "it was made anew by somebody")
        data = await content.merged_with(live.get("data") or {})
        body = {**head, "data": data, "metadata": {**head["metadata"], "uid": live["metadata"]["uid"]}}
        body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        if live.get("immutable") and data == live.get("data"):
            body["immutable"] = True
        try:
            answer = await self._client.replace(key, body)
        except ApiError as error:
            if error.status != 422 or not live.get("immutable"):
                raise
            # Somebody has protected content that will not do; what is good of it stays.
            await self._client.delete(key, live["metadata"]["uid"])
            anew = {k: body["metadata"][k] for k in _OF_OURS if k in body["metadata"]}
            answer = await self._client.create({**body, "metadata": anew})
        self._children.put(key.kind, answer, enqueue=False)


def _head_patch(wish: Obj, live: Obj) -> Obj:
    """What makes the live Secret the wished one, its data left out."""
    rest = {key: value for key, value in wish.items() if key not in ("apiVersion", "kind", "metadata", "data")}
    new, old = wish["metadata"], live["metadata"]
    metadata = {field: new.get(field) for field in ("uid", "resourceVersion", "ownerReferences")}
    for marks in ("labels", "annotations"):
        metadata[marks] = {**dict.fromkeys(old.get(marks) or {}), **(new.get(marks) or {})}
    return {**rest, "metadata": metadata}


_OF_OURS = ("name", "namespace", "labels", "annotations", "ownerReferences")
_PAST = {"create": "Created", "replace": "Updated", "recreate": "Deleted for re-creation", "delete": "Deleted"}


def _collision(key: Key, live: Obj) -> str:
    owner = instance_of(live)
    whose = f"belongs to Cryostat {owner.namespace}/{owner.name}" if owner else "was not made for this Cryostat"
    return f"{key} exists and {whose}, so it is left alone. Delete or rename it."


# Kinds of which nothing is lost when one is deleted and made again. A Route would lose its host to somebody else, and
# whoever may not change the host of one may not choose that of a new one either.
_REPLACEABLE = frozenset({"ConfigMap", "NetworkPolicy", "Ingress", "RoleBinding", "ClusterRoleBinding"})


def _refusal(action: Change, error: ApiError) -> Refusal:
    """A stable reason for the API server's words."""
    key = action.key
    text = f"{key}: {error.message}"
    if error.status == 409 or (error.status == 404 and action.verb != "create"):
        return Refusal(key, "Conflict", text, temporary=True)
    if error.status == 404:
        missing = "namespaces" in error.message
        return Refusal(key, "NamespaceNotFound" if missing else "ApiNotServed", text, temporary=missing)
    if error.status == 403:
        if "being terminated" in error.message:
            return Refusal(key, "NamespaceTerminating", text, temporary=True)
        if "exceeded quota" in error.message:
            return Refusal(key, "QuotaExceeded", text)
        resized = key.kind == "PersistentVolumeClaim" and "resize" in error.message
        return Refusal(key, "PersistentVolumeClaimInvalid" if resized else "Forbidden", text)
    if error.status == 422:
        own = {"PersistentVolumeClaim": "PersistentVolumeClaimInvalid", "Route": "RouteInvalid"}
        return Refusal(key, own.get(key.kind, "Invalid"), text)
    return Refusal(key, "WriteRefused", text)
