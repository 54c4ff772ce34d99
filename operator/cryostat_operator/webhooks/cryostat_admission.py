"""Reviews of Cryostats: sets defaults, checks the spec and the permissions of the author, and returns warnings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from ..api import backup_schedule
from ..api.accepted_namespaces import accepted_namespaces
from ..api.defaulting import with_defaults
from ..api.limits import MAX_CRYOSTATS, size_problems
from ..api.permission import Permission
from ..api.quantity_warnings import quantity_warnings
from ..api.required_permissions import required_permissions
from ..api.spec_warnings import key_warnings, warnings_for
from ..api.v1beta2 import Cryostat
from ..api.validation import new_problems
from ..kube.errors import ApiError, ApiUnavailable
from ..plan.components.buckets import missing_name_warning
from ..plan.instance import Instance
from ..plan.model.kinds import Obj
from ..plan.model.snapshot import Snapshot
from ..plan.restored_release import created_refusal
from ..settings import Settings
from .cluster_reader import ClusterReader
from .namespace_text import NamespaceText
from .plan_warnings import plan_warnings
from .reviews import AdmissionRequest, allowed, denied
from .watched_namespaces import namespace_refusal

logger = logging.getLogger(__name__)

REVIEW_TIMEOUT = 6.0  # seconds for the review of permissions; the API server waits for 10 in all


class AccessReviewer(Protocol):
    """Checks permissions of users."""

    async def missing(
        self, user: Mapping[str, Any], required: Iterable[Permission], caller: str, namespace: str
    ) -> list[Permission]:
        """Return the permissions that a user does not have, in their order. Raises ApiError."""


class CryostatAdmission:
    """Answers the webhooks for Cryostats.

    Args:
        reviews: checks permissions.
        reader: reads the cluster.
        settings: the operator's settings.
        own_name: returns the operator's own user name, empty while it is unknown.
    """

    def __init__(
        self, reviews: AccessReviewer, reader: ClusterReader, settings: Settings, own_name: Callable[[], str]
    ) -> None:
        self._reviews = reviews
        self._reader = reader
        self._settings = settings
        self._own_name = own_name
        self._namespace_text = NamespaceText(reader.text_lengths)

    async def default(self, request: AdmissionRequest) -> Obj:
        """Answer the mutating webhook."""
        if request.operation not in ("CREATE", "UPDATE") or _is_being_deleted(request):
            return allowed(request)
        if size_problems(request.obj.get("spec")):
            return allowed(request)  # it is refused by the CRD or by `validate`
        changed = with_defaults(request.obj, request.namespace, creating=request.operation == "CREATE")
        # Here, because the API server validates the object before it calls the validating webhook.
        is_new = request.obj.get("spec") != request.old.get("spec")
        return allowed(request, quantity_warnings(request.obj.get("spec")) if is_new else (), changed)

    async def validate(self, request: AdmissionRequest) -> Obj:
        """Answer the validating webhook."""
        if request.operation not in ("CREATE", "UPDATE") or _is_being_deleted(request) or self._is_operator(request):
            return allowed(request)
        new = _with_namespace(request.obj, request)
        old = _with_namespace(request.old, request) if request.operation == "UPDATE" else None
        if too_large := size_problems(new.get("spec")):
            return _oversized_answer(request, new, old, too_large)
        if old is not None and size_problems(old.get("spec")):
            old = {**old, "spec": _database_secret(old["spec"])}
        if request.converted and (problems := new_problems(new, old)):
            return denied(request, "; ".join(problems), 422, "Invalid")
        if old is None and (refusal_text := created_refusal(new, self._settings)):
            return denied(request, refusal_text, 422, "Invalid")
        if schedule_text := _wrong_schedule(new, old):
            return denied(request, schedule_text, 422, "Invalid")
        if namespace_text := namespace_refusal(new, old, self._settings):
            return denied(request, namespace_text)
        required = required_permissions(new, old, openshift=self._reader.openshift)
        if not self._reader.platform_known and required != required_permissions(new, old, openshift=True):
            text = (
                "the operator has not detected yet whether the cluster is OpenShift, which requires other permissions; "
                "try again in a few seconds"
            )
            return denied(request, text, 503, "ServiceUnavailable")
        refusal = await self._permission_denial(request, required)
        if refusal is not None:
            return refusal
        if limit_text := await self._namespace_limit_refusal(request, is_new=old is None):
            return denied(request, limit_text)
        if old is not None and old.get("spec") == new.get("spec"):
            return allowed(request, key_warnings(new, old))
        return await self._with_warnings(request, new, old)

    def _is_operator(self, request: AdmissionRequest) -> bool:
        own = self._own_name()
        return bool(own) and request.user.get("username") == own

    async def _permission_denial(self, request: AdmissionRequest, required: list[Permission]) -> Obj | None:
        """Return a denial if the author lacks a permission or the review fails, else None."""
        try:
            async with asyncio.timeout(REVIEW_TIMEOUT):
                address, namespace = request.caller.address, request.namespace
                missing = await self._reviews.missing(request.user, required, address, namespace)
        except TimeoutError:
            text = f"cannot check {len(required)} permissions in time: add fewer namespaces and Secrets at a time"
            return denied(request, text, 504, "Timeout")
        except ApiError as error:
            code = error.status if 400 <= error.status < 600 else 503
            remedy = "; try again" if isinstance(error, ApiUnavailable) else ""
            text = f"cannot check the permissions of the user: {error.message}{remedy}"
            return denied(request, text, code, error.reason)
        if not missing:
            return None
        user = request.user.get("username") or "unknown"
        others = " (and further permissions are missing)" if len(missing) > 1 else ""
        text = f'user "{user}" may not {missing[0]}, which {missing[0].cause} requires{others}'
        return denied(request, f"{text}. Ask an administrator for this permission")

    async def _namespace_limit_refusal(self, request: AdmissionRequest, *, is_new: bool) -> str | None:
        """Return which limit of its namespace a Cryostat would exceed: their number, or the text in them; else None."""
        namespace = request.namespace
        if is_new and (count := await self._reader.count(namespace)) >= MAX_CRYOSTATS:
            return (
                f"namespace {namespace} has {count} Cryostats; at most {MAX_CRYOSTATS} are allowed. "
                "Delete one of them, or create the Cryostat in another namespace"
            )
        return self._namespace_text.refusal(request)

    async def _with_warnings(self, request: AdmissionRequest, new: Obj, old: Obj | None) -> Obj:
        """Allow the object with warnings, unless it changes the Secret of an existing database."""
        warnings = [*key_warnings(new, old), *warnings_for(new)]
        try:
            cryostat = Cryostat.model_validate(new)
            snapshot = self._reader.snapshot(cryostat, self._settings)
            if snapshot is None:
                return allowed(request, warnings)
            refusal = _database_secret_change(cryostat, old, snapshot, self._settings)
            if refusal:
                return denied(request, refusal, 422, "Invalid")
            if warning := missing_name_warning(Instance(cryostat, snapshot, self._settings)):
                warnings.append(warning)
        except ValidationError as error:
            logger.debug("Some warnings about Cryostat %s/%s are left out: %s", request.namespace, request.name, error)
            return allowed(request, warnings)
        warnings += await plan_warnings(request, cryostat, snapshot, self._reader, self._settings)
        return allowed(request, warnings)


def _database_secret(spec: Any) -> Obj:
    """Return only the name of the database's Secret. A spec that is too large gives access to nothing else."""
    options = spec.get("databaseOptions") if isinstance(spec, dict) else None
    name = options.get("secretName") if isinstance(options, dict) else None
    return {"databaseOptions": {"secretName": name}} if isinstance(name, str) else {}


def _oversized_answer(request: AdmissionRequest, new: Obj, old: Obj | None, problems: list[str]) -> Obj:
    """Answer for a Cryostat that is too large to be read. One that was stored before can get other metadata."""
    unchanged = old is not None and old.get("spec") == new.get("spec")
    if unchanged and _reviewed_annotations(new) == _reviewed_annotations(old or {}):
        return allowed(request)
    return denied(request, "; ".join(problems), 422, "Invalid")


def _reviewed_annotations(cryostat: Obj) -> tuple[frozenset[str], dict[str, str]]:
    """Return the annotations that give access to something."""
    return accepted_namespaces(cryostat["metadata"]), backup_schedule.values(cryostat["metadata"])


def _wrong_schedule(new: Obj, old: Obj | None) -> str:
    """Return what is wrong with changed annotations of the scheduled backup; empty if they are right or unchanged."""
    if old is not None and backup_schedule.values(new["metadata"]) == backup_schedule.values(old["metadata"]):
        return ""
    try:
        backup_schedule.read_schedule(new["metadata"])
    except backup_schedule.InvalidScheduleError as error:
        return str(error)
    return ""


def _is_being_deleted(request: AdmissionRequest) -> bool:
    """Whether the object is being deleted. It gets no access, and its finalizers must be removable."""
    return request.operation == "UPDATE" and "deletionTimestamp" in request.old.get("metadata", {})


def _with_namespace(obj: Obj, request: AdmissionRequest) -> Obj:
    return {**obj, "metadata": {**obj.get("metadata", {}), "namespace": request.namespace}}


def _database_secret_change(cryostat: Cryostat, old: Obj | None, snapshot: Snapshot, settings: Settings) -> str:
    """Return why the Secret of the database cannot be changed; empty if it is not changed."""
    instance = Instance(cryostat, snapshot, settings)
    if old is None or not instance.names_other_database_secret:
        return ""
    before = Instance(Cryostat.model_validate(old), snapshot, settings)
    if before.requested_database_secret == instance.requested_database_secret:
        return ""
    return (
        f"spec.databaseOptions.secretName: the database exists and its data is encrypted with the keys of Secret "
        f"{instance.database_secret}; it cannot change to {instance.requested_database_secret}"
    )
