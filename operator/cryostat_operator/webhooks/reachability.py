"""Checks whether the API server can reach the webhooks, with a dry-run write that they must review."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from ..api import constants
from ..kube.client import MERGE_PATCH, Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Obj, resource_path
from ..plan.model.reasons import Reason

logger = logging.getLogger(__name__)

CHECK_INTERVAL = 60.0  # seconds
# Never stored. A new value in each request makes the API server call the webhooks.
ANNOTATION = f"{constants.GROUP}/webhook-check"


class ReachabilityCheck:
    """Reports in the log, in a metric and in an event that the API server cannot call the webhooks.

    No Cryostat can be created or changed then, and the operator cannot see requests that do not arrive. Usual
    causes are firewalls between the control plane and the nodes, and network policies.

    Args:
        client: sends the request.
        any_cryostat: returns a Cryostat for the dry-run write, None if there is none.
        record_event: records a Warning event on it.
        set_metric: is called with the result.
    """

    def __init__(
        self,
        client: Client,
        any_cryostat: Callable[[], Obj | None],
        record_event: Callable[[Obj, Reason, str], Awaitable[None]],
        set_metric: Callable[[bool], None],
    ) -> None:
        self._client = client
        self._any_cryostat = any_cryostat
        self._record_event = record_event
        self._set_metric = set_metric
        self._is_reachable = True
        self._next_check = time.monotonic() + CHECK_INTERVAL / 2  # the registration takes effect with a delay

    async def run_if_due(self) -> None:
        """Check once per `CHECK_INTERVAL`. Never raises ApiError."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_INTERVAL
        cryostat = self._any_cryostat()
        if cryostat is not None:
            await self.check(cryostat)

    async def check(self, cryostat: Obj) -> None:
        """Send the dry-run write and report a change of the result."""
        metadata = cryostat["metadata"]
        path = resource_path(
            constants.GROUP, constants.VERSION, constants.PLURAL, metadata["namespace"], metadata["name"]
        )
        patch = {"metadata": {"annotations": {ANNOTATION: str(time.time_ns())}}}
        try:
            await self._client.request("PATCH", path, body=patch, params={"dryRun": "All"}, content_type=MERGE_PATCH)
        except ApiError as error:
            # The API server reports a webhook that it cannot call as InternalError. Other errors say nothing about it.
            if error.status == 500 and error.reason == "InternalError":
                await self._report_unreachable(cryostat, error.message)
            # The API server validates the object after it has called the first webhook.
            if error.status != 422:
                return
        self._set_metric(True)
        if not self._is_reachable:
            logger.info("The API server reaches the webhooks again")
        self._is_reachable = True

    async def _report_unreachable(self, cryostat: Obj, cause: str) -> None:
        self._set_metric(False)
        if not self._is_reachable:
            return
        self._is_reachable = False
        message = (
            f"The API server cannot call the webhooks of the operator, so no Cryostat can be created or changed: "
            f"{cause}. Allow connections from the control plane to port 9443 of the operator's pods (docs/admission.md)"
        )
        logger.warning("%s", message)
        try:
            await self._record_event(cryostat, Reason.WEBHOOK_UNREACHABLE, message)
        except ApiError as error:
            logger.warning("Event %s could not be recorded: %s", Reason.WEBHOOK_UNREACHABLE, error)
