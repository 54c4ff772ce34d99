"""Checks the target of a restore before anything is changed, and finds what must be created in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api import constants
from ..kube.errors import ApiError
from ..plan.image_releases import release_of
from ..plan.model.kinds import Key, Obj, resource_path
from ..plan.restored_release import restore_refusal
from ..plan.upgrades import Versions, recorded
from .checked_backup import Content
from .instance_access import APPLICATION, DATABASE, STORAGE, InstanceAccess, image_of
from .manifest import BackupError


def require_restorable(saved: Versions, running: Versions) -> None:
    """Refuse to restore into older programs.

    Raises:
        BackupError: the target runs an older version.
    """
    refusal = restore_refusal(saved, running)
    if refusal:
        raise BackupError(refusal)


class RestoreTarget:
    """The namespace and the instance to restore into.

    Args:
        overwrite: whether data of an existing instance may be replaced.
        saved: the versions that the target must have at least.
    """

    def __init__(self, access: InstanceAccess, content: Content, overwrite: bool, saved: Versions) -> None:
        self._access = access
        self._content = content
        self._overwrite = overwrite
        self._saved = saved

    async def missing_objects(self) -> list[Obj]:
        """Check the target and return what must be created, in this order.

        Raises:
            BackupError: the target has other keys or older programs, or data while `overwrite` is not set.
        """
        access = self._access
        namespace = resource_path("", "v1", "namespaces", "", access.namespace)
        try:
            found = await access.client.get_or_none(namespace)
        except ApiError as error:
            if error.status != 403:
                raise
            found = {}  # the user may not read namespaces; if it does not exist, the next request fails
        if found is None:
            raise BackupError(f"Namespace {access.namespace} does not exist. Create it first.")
        live = await access.client.get_or_none(access.path)
        names = [f"{access.name}-{component}" for component in (DATABASE, STORAGE)]
        claims = [await self._find("PersistentVolumeClaim", name) for name in names]
        kept = [name for name, claim in zip(names, claims, strict=True) if claim]
        if (live or kept) and not self._overwrite:
            what = f"Cryostat {access.namespace}/{access.name}"
            what = what if live else f"PersistentVolumeClaim {access.namespace}/{kept[0]}"
            raise BackupError(
                f"{what} already exists. --overwrite replaces all data of the instance by that of the backup."
            )
        release = release_of(image_of(await access.deployment(APPLICATION))) if live else None
        require_restorable(self._saved, Versions(release, recorded(claims[0]).postgresql))
        missing = [obj for each in self._content.secrets if (obj := await self._missing_secret(each))]
        return missing if live else [*missing, self._cryostat()]

    async def _missing_secret(self, saved: Mapping[str, Any]) -> Obj | None:
        access, name = self._access, str(saved["name"])
        live = await self._find("Secret", name)
        if live is None:
            return self._secret(saved)
        data = live.get("data") or {}
        different = sorted(key for key, value in saved["data"].items() if data.get(key) != value)
        if name == self._storage_secret_name():
            return None  # the data can be read with other credentials
        if different:
            raise BackupError(
                f"Secret {access.namespace}/{name} has other values of {' and '.join(different)} than the backup, so "
                "the restored data could not be read. Delete the Cryostat, its PersistentVolumeClaims and this Secret, "
                "or restore into another namespace."
            )
        return None

    def _storage_secret_name(self) -> str:
        return str(self._content.secrets[1]["name"]) if len(self._content.secrets) > 1 else ""

    def _secret(self, saved: Mapping[str, Any]) -> Obj:
        labels = {constants.LABEL_NAME: self._access.name, constants.LABEL_NAMESPACE: self._access.namespace}
        metadata = {"name": saved["name"], "namespace": self._access.namespace}
        if saved["generated"]:
            metadata["labels"] = labels  # the operator adopts it
        obj = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": saved["type"], "data": saved["data"]}
        return obj | ({"immutable": True} if saved["immutable"] else {})

    def _cryostat(self) -> Obj:
        """The Cryostat for the target. Its former namespace among the target namespaces is replaced by the new one."""
        cryostat = self._content.cryostat
        namespace, former = self._access.namespace, self._content.manifest.namespace
        spec = dict(cryostat["spec"])
        targets = spec.get("targetNamespaces")
        if targets:
            spec["targetNamespaces"] = [namespace if each == former else each for each in targets]
        # The operator refuses to create it if the images that it would deploy are older.
        annotations = {
            **cryostat["metadata"].get("annotations", {}),
            constants.ANNOTATION_RESTORED_RELEASE: str(self._saved),
        }
        metadata = {**cryostat["metadata"], "namespace": namespace, "annotations": annotations}
        return {**cryostat, "metadata": metadata, "spec": spec}

    async def _find(self, kind: str, name: str) -> Obj | None:
        return await self._access.client.get_or_none(Key(kind, self._access.namespace, name))
