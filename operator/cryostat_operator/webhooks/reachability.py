"""Checks whether the API server can reach the webhooks, with a dry-run write that they must review."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice

from ..api import constants
from ..kube.client import MERGE_PATCH, Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Obj, cryostat_path
from ..plan.model.reasons import Reason
from .reachability_probe import ReachabilityProbe

logger = logging.getLogger(__name__)

CHECK_INTERVAL = 60.0  # seconds
MISSES_TO_REPORT = 2  # one may be a delay
MAX_ATTEMPTS = 100  # Cryostats that one check tries, because the watch may have missed that some were deleted
# Never stored. A new value in each request makes the API server call the webhooks.
ANNOTATION = f"{constants.GROUP}/webhook-check"


class ReachabilityCheck:
    """Reports in the log, in a metric and in an event that the API server cannot call the webhooks.

    No Cryostat can be created or changed then, and the operator cannot see requests that do not arrive. Usual
    causes are firewalls between the control plane and the nodes, and network policies.

    Args:
        client: sends the request.
        cryostats: returns the Cryostats for the dry-run write.
        record_event: records a Warning event on it.
        set_metric: is called with the result.
        probe: checks without a Cryostat, after the start until the webhooks were reached once; None for no such check.
    """

    def __init__(
        self,
        client: Client,
        cryostats: Callable[[], Iterable[Obj]],
        record_event: Callable[[Obj, Reason, str], Awaitable[None]],
        set_metric: Callable[[bool], None],
        probe: ReachabilityProbe | None = None,
    ) -> None:
        self._client = client
        self._cryostats = cryostats
        self._record_event = record_event
        self._set_metric = set_metric
        self._probe = probe
        self._misses = 0  # of the probe, since the last success
        self._is_reachable = True
        self._is_recorded = False  # whether an event about the present failure was recorded
        self._next_check = time.monotonic() + CHECK_INTERVAL / 2  # the registration takes effect with a delay

    async def run_if_due(self) -> None:
        """Check once per `CHECK_INTERVAL`. Never raises ApiError."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_INTERVAL
        for cryostat in islice(self._cryostats(), MAX_ATTEMPTS):
            if await self.check(cryostat):
                return
        if self._probe is not None:
            await self._check_without_cryostat(self._probe)

    async def _check_without_cryostat(self, probe: ReachabilityProbe) -> None:
        """Probe, and report the second failure in succession. After any other result, the probe is not used again."""
        is_reachable = await probe.is_reachable()
        if is_reachable is False:
            self._misses += 1
            if self._misses >= MISSES_TO_REPORT:
                await self._report_unreachable(None, "the webhooks did not review a Deployment in a dry run")
            return
        self._probe = None
        if is_reachable:
            self._report_reachable()

    async def check(self, cryostat: Obj) -> bool:
        """Send the dry-run write and report a change of the result.

        Returns:
            Whether the Cryostat exists. The watch may have missed its deletion.
        """
        metadata = cryostat["metadata"]
        path = cryostat_path(metadata["namespace"], metadata["name"])
        patch = {"metadata": {"annotations": {ANNOTATION: str(time.time_ns())}}}
        try:
            await self._client.request("PATCH", path, body=patch, params={"dryRun": "All"}, content_type=MERGE_PATCH)
        except ApiError as error:
            # The API server reports a webhook that it cannot call as InternalError. Other errors say nothing about it.
            if error.status == 500 and error.reason == "InternalError":
                await self._report_unreachable(cryostat, error.message)
            # The API server validates the object after it has called the first webhook.
            if error.status != 422:
                return error.status != 404
        self._report_reachable()
        return True

    def _report_reachable(self) -> None:
        self._set_metric(True)
        if not self._is_reachable:
            logger.info("The API server reaches the webhooks again")
        self._is_reachable, self._is_recorded = True, False

    async def _report_unreachable(self, cryostat: Obj | None, cause: str) -> None:
        """Report in the log once, and in an event once there is a Cryostat."""
        self._set_metric(False)
        if not self._is_reachable and (self._is_recorded or cryostat is None):
            return
        message = (
            f"The API server cannot call the webhooks of the operator, so no Cryostat can be created or changed: "
            f"{cause}. Allow connections from the control plane to port 9443 of the operator's pods (docs/webhooks.md)"
        )
        if self._is_reachable:
            logger.warning("%s", message)
        self._is_reachable = False
        if cryostat is None:
            return
        self._is_recorded = True
        try:
            await self._record_event(cryostat, Reason.WEBHOOK_UNREACHABLE, message)
        except ApiError as error:
            logger.warning("Event %s could not be recorded: %s", Reason.WEBHOOK_UNREACHABLE, error)
