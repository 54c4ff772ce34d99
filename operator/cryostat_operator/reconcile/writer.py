"""Writes one change, and adopts an object that already exists if it was created for the same Cryostat."""

from __future__ import annotations

from dataclasses import replace

from ..kube.client import Client
from ..kube.errors import ApiError, ApiUnavailable
from ..observe.owned_objects import OwnedObjects
from ..plan.diff.comparison import differences
from ..plan.diff.merging import merge
from ..plan.diff.ownership import belongs_to, has_lost_labels, instance_of
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import PARTIAL, InstanceKey, Key, Obj
from ..plan.model.managed_fields import trim
from ..plan.model.reasons import Reason
from .outcomes import Outcome, applied, refused
from .recreated_secrets import RecreatedSecrets
from .refusals import is_immutable
from .secret_provider import SecretContent

COPIED_METADATA = ("name", "namespace", "labels", "annotations", "ownerReferences")
# Kinds that can be deleted and created again without loss. A Route is not among them: another Route could take its
# host in between, and a user who may not change the host of a Route may not choose that of a new one either.
RECREATABLE_KINDS = frozenset({"ConfigMap", "NetworkPolicy", "Ingress", "RoleBinding", "ClusterRoleBinding"})


class Writer:
    """Sends changes to the API server and records its responses in the cache of owned objects.

    Attributes:
        recreated_secrets: the Secrets that are being deleted and created again.
    """

    def __init__(self, client: Client, owned: OwnedObjects) -> None:
        self._client = client
        self._owned = owned
        self.recreated_secrets = RecreatedSecrets(client, owned)

    async def write(self, instance_key: InstanceKey, change: Change, content: SecretContent) -> Outcome:
        """Write one change.

        Args:
            instance_key: the Cryostat that the object belongs to.
            content: data for the Secret that the change writes, if it writes one.

        Returns:
            `applied`; `refused` if an object of another owner has the name, or if the object was created or deleted
            since it was cached, or is being deleted.

        Raises:
            ApiError: the API server refused the write.
        """
        if change.obj is None or change.verb in ("delete", "recreate"):
            await self._delete(instance_key, change.key, change.uid)
            return applied(change)  # the DELETED event enqueues the instance; its next run creates the object again
        if change.verb == "create":
            return await self._create(instance_key, change, change.obj, content)
        if change.key.kind == "Secret":
            await self._update_secret(instance_key, change, change.obj, content)
            return applied(change)
        try:
            return applied(change, await self._replace(change.key, change.obj))
        except ApiError as error:
            if not is_immutable(error) or change.key.kind not in RECREATABLE_KINDS:
                raise
            await self._delete(instance_key, change.key, change.obj["metadata"]["uid"])
            return applied(replace(change, verb="recreate"))

    async def _create(self, instance_key: InstanceKey, change: Change, obj: Obj, content: SecretContent) -> Outcome:
        body = obj
        if content.request:
            former = await self.recreated_secrets.former_values(instance_key, change.key)
            body = {**obj, "data": await content.merged_with(former)}
        try:
            created = await self._client.create(body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return await self._adopt(instance_key, change, obj, content)
        self.recreated_secrets.forget(instance_key, change.key)
        self._owned.record_write(change.key.kind, created)
        return applied(change)

    async def _adopt(self, instance_key: InstanceKey, change: Change, obj: Obj, content: SecretContent) -> Outcome:
        """Update the existing object if it was created for this instance. Otherwise leave it unchanged."""
        key = change.key
        live = await self._client.get_or_none(key)
        if live is None:
            return refused(change, Reason.CONFLICT, f"{key} was deleted meanwhile", transient=True)
        is_own = belongs_to(live, key, instance_key) or has_lost_labels(live, key, instance_key)
        if not is_own and not (content.request and content.request.restore_only):
            return refused(change, Reason.NAME_COLLISION, name_collision(key, live))
        if "deletionTimestamp" in live["metadata"]:
            return refused(
                change, Reason.BEING_DELETED, f"{key} is being deleted and is created again afterwards", transient=True
            )
        self.recreated_secrets.forget(instance_key, key)  # another client created it with values of its own
        if instance_of(live) == instance_key:
            # The operator created it a moment ago, and its cache had not received it yet. The next pass compares it.
            self._owned.handle_event(key.kind, live)
            return refused(change, Reason.CONFLICT, f"{key} was created meanwhile", transient=True)
        live = trim(key.kind, live)
        adopted = merge(obj, live)
        # It was not deleted, although the cache does not have it: a client may have removed its labels.
        change = replace(change, verb="replace", obj=adopted, live=live, paths=tuple(differences(obj, live)))
        if key.kind == "Secret":
            await self._replace_secret(instance_key, key, adopted, content)
            return applied(change)
        return applied(change, await self._replace(key, adopted))

    async def _replace(self, key: Key, obj: Obj) -> Obj:
        _require_whole(key, obj)
        response = await self._client.replace(key, obj)
        self._owned.record_write(key.kind, response)
        return trim(key.kind, response)

    async def _update_secret(self, instance_key: InstanceKey, change: Change, obj: Obj, content: SecretContent) -> None:
        cached = self._owned.records(instance_key).get(change.key)
        if change.request or not cached or cached.is_partial:
            await self._replace_secret(instance_key, change.key, obj, content)
            return
        # The data stays as it is and need not be read: only the metadata changes.
        response = await self._client.merge_patch(change.key, metadata_patch(obj, cached.obj))
        self._owned.record_write(change.key.kind, response)

    async def _replace_secret(self, instance_key: InstanceKey, key: Key, desired: Obj, content: SecretContent) -> None:
        """Replace a Secret. Its data is kept; only values that are missing or must change are generated.

        Raises:
            ApiError: among others 409 if the Secret was deleted and created again since it was cached.
        """
        _require_whole(key, desired)
        await self.recreated_secrets.wait_for(key)
        live = await self._client.get(key)
        if desired["metadata"].get("uid") not in (None, live["metadata"]["uid"]):
            raise ApiError(409, "Conflict", "it was deleted and created again by another client")
        data = await content.merged_with(live.get("data") or {})
        metadata = {**desired["metadata"], **{k: live["metadata"][k] for k in ("uid", "resourceVersion")}}
        body = {**desired, "data": data, "metadata": metadata}
        if live.get("immutable") and data == live.get("data"):
            body["immutable"] = True
        try:
            response = await self._client.replace(key, body)
        except ApiError as error:
            if error.status != 422 or not live.get("immutable"):
                raise
            # A user made the Secret immutable, but its data must change. Valid values are kept.
            copied = {name: metadata[name] for name in COPIED_METADATA if name in metadata}
            body = {**body, "metadata": copied}
            response = await self.recreated_secrets.recreate(instance_key, key, body, live["metadata"]["uid"])
        self._owned.record_write(key.kind, response)

    async def _delete(self, instance_key: InstanceKey, key: Key, uid: str) -> None:
        """Delete an object, and remember that this operator did, also if the response was lost."""
        try:
            await self._client.delete(key, uid)
        except ApiUnavailable:
            self._owned.deletions.add_own(instance_key, key, uid)
            raise
        self._owned.deletions.add_own(instance_key, key, uid)


def _require_whole(key: Key, obj: Obj) -> None:
    """Check that an object is whole. A write of ownership metadata alone would remove the rest.

    Raises:
        ValueError: the object has only ownership metadata: a bug, because the caller did not read it.
    """
    if obj.get(PARTIAL):
        raise ValueError(f"{key} is cached without its content")


def metadata_patch(desired: Obj, live: Obj) -> Obj:
    """Return a JSON merge patch that changes everything of a live Secret except its data."""
    rest = {key: value for key, value in desired.items() if key not in ("apiVersion", "kind", "metadata", "data")}
    new, old = desired["metadata"], live["metadata"]
    metadata = {name: new.get(name) for name in ("uid", "resourceVersion", "ownerReferences")}
    for name in ("labels", "annotations"):
        removed = dict.fromkeys(old.get(name) or {})
        metadata[name] = {**removed, **(new.get(name) or {})}
    return {**rest, "metadata": metadata}


def name_collision(key: Key, live: Obj) -> str:
    """Return the message for an object that has the name of a desired object and does not belong to the instance."""
    owner = instance_of(live)
    cause = f"belongs to Cryostat {owner.namespace}/{owner.name}" if owner else "was not created for this Cryostat"
    remedy = "Delete it, or give the Cryostat another name"
    return f"{key} already exists and {cause}, so the operator does not change it. {remedy}."
