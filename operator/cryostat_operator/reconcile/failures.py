"""Reports why a reconcile failed, and decides whether it is retried."""

from __future__ import annotations

import logging

from ..api import constants
from ..api.validation import InvalidCryostatError
from ..kube.errors import ApiError
from ..observe.cryostats import CryostatStore
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.messages import message
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from .status_writer import StatusWriter
from .work_queue import Result

logger = logging.getLogger(__name__)

MAX_REPORTED_FIELDS = 5


class Failures:
    """Handles the exceptions of `Reconciler.reconcile`."""

    def __init__(self, cryostats: CryostatStore, status: StatusWriter) -> None:
        self._cryostats = cryostats
        self._status = status

    async def handle(self, instance_key: InstanceKey, error: Exception) -> Result:
        """Report an exception in the status of the Cryostat.

        An invalid Cryostat is not retried: an edit enqueues it. Everything else is retried with backoff.

        Raises:
            Exception: `error` itself, if there is no Cryostat to report it on and it is no API error.
        """
        body = self._cryostats.get(instance_key)
        if isinstance(error, ApiError):
            return await self._handle_api_error(instance_key, body, error)
        if body is None:
            raise error
        try:
            if isinstance(error, InvalidCryostatError):
                await self._status.write_failure(body, invalid_spec(error))
                return Result()
            logger.error("Internal error in reconcile", exc_info=error)
            await self._status.write_failure(body, internal_error(error))
        except ApiError as api_error:
            return await self._handle_api_error(instance_key, body, api_error)
        return Result(failed=True)

    async def _handle_api_error(self, instance_key: InstanceKey, body: Obj | None, error: ApiError) -> Result:
        if body is not None and error.is_not_found(constants.PLURAL, instance_key.name):
            # Deleted while kopf's watch was interrupted: kopf does not report that. The next run collects orphans.
            self._cryostats.discard(instance_key, body["metadata"]["uid"])
            return Result(requeue_after=0.0)
        logger.warning("Reconcile failed, retrying: %s", error.message)
        if body is not None and error.status == 403:
            try:
                await self._status.write_failure(body, forbidden(error))
            except ApiError as status_error:  # the missing permission may be that to write the status
                logger.warning("Could not write the status: %s", status_error.message)
        return Result(failed=True)


def invalid_spec(error: InvalidCryostatError) -> Problem:
    """The problem of a Cryostat that this version cannot read."""
    found = error.problems[:MAX_REPORTED_FIELDS]
    remedy = f"Correct {'it' if len(found) == 1 else 'them'}; until then, the operator changes no object"
    text = message("The spec", "is invalid", cause=" and ".join(found), remedy=remedy)
    return Problem("core", Reason.INVALID_SPEC, text)


def forbidden(error: ApiError) -> Problem:
    """The problem of an operator that lacks a permission.

    All missing permissions have one dedup key, because the first one that is noticed varies.
    """
    return Problem("core", Reason.FORBIDDEN, error.message, dedup_key="Forbidden")


def internal_error(error: Exception) -> Problem:
    """The problem of a bug in the operator. The exception's text is left out: it could quote any value."""
    name = type(error).__name__
    text = (
        f"Internal error of the operator ({name}); it retries. "
        "Report it with the operator's log and this Cryostat's spec to the maintainers of the operator."
    )
    return Problem("core", Reason.INTERNAL_ERROR, text)
