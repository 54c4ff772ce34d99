"""A small JSON client of the API server, with only the operations that the operator needs."""

from __future__ import annotations

from collections.abc import Callable

from ..plan.model.kinds import FIELD_MANAGER, Key, Obj, collection_path, path_of
from .api_requests import Requests
from .errors import ApiError

LIST_PAGE_SIZE = 500  # objects of which only the metadata is read

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
_METADATA = ";as={};g=meta.k8s.io;v=v1,application/json"


class Client(Requests):
    """Operations on objects, see `Requests` for the arguments. All of them raise ApiError as `request` does."""

    async def get(self, key: Key) -> Obj:
        """Read one object; raises `ApiError` with status 404 if it does not exist."""
        return await self.request("GET", path_of(key))

    async def get_or_none(self, target: Key | str) -> Obj | None:
        """Read one object; None if it does not exist.

        Args:
            target: key of an object of `KINDS`, or the URL path of any object.
        """
        path = target if isinstance(target, str) else path_of(target)
        try:
            return await self.request("GET", path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def create(self, obj: Obj, *, must_lead: bool = True) -> Obj:
        """Create an object; raises `ApiError` with reason `AlreadyExists` if there is one of this name."""
        path = collection_path(obj["kind"], obj["metadata"].get("namespace") or "")
        params = {"fieldManager": FIELD_MANAGER}
        return await self.request("POST", path, body=obj, params=params, must_lead=must_lead)

    async def replace(self, key: Key, obj: Obj) -> Obj:
        """Replace an object; fails with status 409 if its `metadata.resourceVersion` is not the current one."""
        return await self.request("PUT", path_of(key), body=obj, params={"fieldManager": FIELD_MANAGER})

    async def merge_patch(self, key: Key, patch: Obj) -> Obj:
        """Change some fields of an object (RFC 7386), like `replace` only if `metadata.resourceVersion` is current."""
        return await self.request(
            "PATCH", path_of(key), body=patch, params={"fieldManager": FIELD_MANAGER}, content_type=MERGE_PATCH
        )

    async def patch_status(self, path: str, status: Obj) -> Obj:
        """Change some fields of an object's status (RFC 7386).

        Args:
            path: URL path of the object, without `/status`.
            status: the fields to set; None removes a field.

        Returns:
            The object as the API server stored it.
        """
        return await self.request("PATCH", f"{path}/status", body={"status": status}, content_type=MERGE_PATCH)

    async def delete(self, key: Key, uid: str) -> None:
        """Delete an object if it still has this UID. A missing object is not an error.

        A Deployment is deleted after its pods, because the next one must not start while they use its volume.
        """
        policy = "Foreground" if key.kind == "Deployment" else "Background"
        body = {"preconditions": {"uid": uid}, "propagationPolicy": policy}
        try:
            await self.request("DELETE", path_of(key), body=body)
        except ApiError as error:
            if error.status != 404:
                raise

    async def list_metadata(self, path: str, on_item: Callable[[Obj], None]) -> None:
        """Read the metadata of all objects of a collection, in pages.

        Args:
            path: URL path of the collection.
            on_item: called with each object, of which there is only the metadata.

        Raises:
            ApiError: as `request` does; some items may have been delivered before.
        """
        query = {"limit": str(LIST_PAGE_SIZE)}
        while True:
            metadata = await self.list_page(path, on_item, query, accept_metadata("PartialObjectMetadataList"))
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]


def accept_metadata(kind: str) -> str:
    """Return the Accept header for metadata only, of a PartialObjectMetadata or PartialObjectMetadataList."""
    return "application/json" + _METADATA.format(kind)
