"""Reports why a reconcile failed, and decides whether it is retried."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..api import constants
from ..api.validation import InvalidCryostatError
from ..kube.errors import ApiError
from ..observe.cryostats import CryostatStore
from ..plan.diagnosis.refusal_remedies import remedy_for
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.messages import message, quoted
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from ..plan.model.refused_object import RefusedObject
from ..plan.model.times import LASTING_SECONDS
from .status_writer import StatusWriter
from .work_queue import Result

logger = logging.getLogger(__name__)

MAX_REPORTED_FIELDS = 5


class Failures:
    """Handles the exceptions of `Reconciler.reconcile`."""

    def __init__(
        self, cryostats: CryostatStore, status: StatusWriter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cryostats = cryostats
        self._status = status
        self._clock = clock
        self._since: dict[InstanceKey, float] = {}  # time of the first of the refused runs without a success between

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget earlier failures: a run succeeded, or the Cryostat does not exist any more."""
        self._since.pop(instance_key, None)

    def reset(self) -> None:
        """Forget the failures of all Cryostats."""
        self._since.clear()

    async def handle(self, instance_key: InstanceKey, error: Exception) -> Result:
        """Report an exception in the status of the Cryostat.

        An invalid Cryostat is not retried: an edit enqueues it. Everything else is retried with backoff.

        Raises:
            Exception: `error` itself, if there is no Cryostat to report it on and it is no API error.
        """
        body = self._cryostats.get(instance_key)
        if isinstance(error, ApiError):
            return await self._handle_api_error(instance_key, body, error)
        self.forget(instance_key)  # the API server answered
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
        problem = self._api_problem(instance_key, error)
        if body is not None and problem is not None:
            try:
                await self._status.write_failure(body, problem)
            except ApiError as status_error:  # the missing permission may be that to write the status
                logger.warning("Could not write the status: %s", status_error.message)
        return Result(failed=True)

    def _api_problem(self, instance_key: InstanceKey, error: ApiError) -> Problem | None:
        """Return the problem of an API error: a missing permission at once, other refusals once they have lasted."""
        if error.status == 403:
            return forbidden(error, instance_key.namespace)
        if error.status == 0:
            # Without a response, no status can be written. The first errors after an outage are not reported at once.
            self._since.pop(instance_key, None)
            return None
        now = self._clock()
        since = self._since.setdefault(instance_key, now)
        return unavailable(error) if now - since >= LASTING_SECONDS else None


def invalid_spec(error: InvalidCryostatError) -> Problem:
    """Return the problem of a Cryostat that this version cannot read."""
    found = error.problems[:MAX_REPORTED_FIELDS]
    remedy = f"Correct {'it' if len(found) == 1 else 'them'}; until then, the operator changes no object"
    cause = ". ".join(each.rstrip(". ") for each in found)
    text = message("The spec", "is invalid", cause=cause, remedy=remedy)
    return Problem("core", Reason.INVALID_SPEC, text)


def forbidden(error: ApiError, namespace: str) -> Problem:
    """Return the problem of an operator that lacks a permission.

    All missing permissions have one dedup key, because the first one that is noticed varies.

    Args:
        error: the refusal.
        namespace: that of the Cryostat.
    """
    quote = quoted(error.message)
    remedy = remedy_for(quote, RefusedObject(namespace)) or "Grant the operator the missing permission"
    text = message("A request of the operator", "was refused", cause=quote, remedy=remedy)
    return Problem("core", Reason.FORBIDDEN, text, dedup_key="Forbidden")


def unavailable(error: ApiError) -> Problem:
    """Return the problem of requests that have failed for a minute, so that nothing is known about the instance."""
    text = message(
        "The API server",
        "has refused a request of the operator for more than a minute",
        cause=quoted(error.message),
        consequence="No object of this Cryostat is changed meanwhile",
        remedy="Check the API server; the operator tries again by itself",
    )
    return Problem("core", Reason.API_SERVER_UNAVAILABLE, text, dedup_key="Reconcile")


def internal_error(error: Exception) -> Problem:
    """Return the problem of a bug in the operator. The exception's text is left out: it could quote any value."""
    name = type(error).__name__
    text = (
        f"Internal error of the operator ({name}); it retries. "
        "Report it with the operator's log and this Cryostat's spec to the maintainers of the operator."
    )
    return Problem("core", Reason.INTERNAL_ERROR, text)
