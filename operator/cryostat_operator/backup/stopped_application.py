"""Stops the application for a restore, and starts it again. The operator must not start it meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..api import constants
from ..inspect.states import find_condition
from .instance_access import APPLICATION, InstanceAccess
from .saved_objects import Progress

# Waits until a check is true. After a timeout it raises BackupError with the given description of the state.
Until = Callable[[str, Callable[[], Awaitable[bool]]], Awaitable[None]]
_PAUSE = {constants.ANNOTATION_PAUSE: "true", constants.ANNOTATION_PAUSED_BY: constants.PAUSED_BY_RESTORE}


class StoppedApplication:
    """The application of one instance while its data is restored.

    If a user has already paused the reconciliation, it stays paused, and only the replicas are changed.

    Args:
        until: waits for a state of the cluster.
        progress: called with one sentence for each step.
    """

    def __init__(self, access: InstanceAccess, until: Until, progress: Progress) -> None:
        self._access = access
        self._until = until
        self._progress = progress
        self._paused_by_user = False
        self._replicas = 1

    async def stop(self) -> None:
        """Pause the reconciliation, and stop the application after the operator has confirmed the pause.

        Raises:
            BackupError: the operator does not confirm it, or pods still run.
            ApiError: the API server refuses a request.
        """
        access = self._access
        cryostat = await access.client.request("GET", access.path)
        annotations = cryostat["metadata"].get("annotations") or {}
        is_paused = annotations.get(constants.ANNOTATION_PAUSE) == "true"
        self._paused_by_user = is_paused and constants.ANNOTATION_PAUSED_BY not in annotations
        deployment = await access.deployment(APPLICATION) or {"spec": {}}
        self._replicas = deployment["spec"].get("replicas", 1)
        if not self._paused_by_user:
            await access.annotate(_PAUSE)
        await self._until(
            f"the operator has not confirmed the pause of Cryostat {access.namespace}/{access.name} "
            "(condition ReconciliationActive)",
            self._is_pause_confirmed,
        )
        await access.scale_application(0)
        await self._until(f"pods of Deployment {access.namespace}/{access.name} still run", self._is_stopped)
        self._progress("Stopped the application.")

    async def start(self, what: str) -> None:
        """Start the application. If that fails, print how to do it by hand.

        Args:
            what: the start of that message, such as "The restore failed".
        """
        try:
            if self._paused_by_user:
                await self._access.scale_application(self._replicas)
            else:
                await self._access.annotate(dict.fromkeys((*_PAUSE, constants.ANNOTATION_RESTORED_RELEASE)))
        except BaseException:
            self._progress(f"{what}, but the application stays stopped. To start it: `{self._command()}`")
            raise
        if not self._paused_by_user:
            self._progress("Started the application.")
            return
        state = "Started the application" if self._replicas else "The application stays stopped, as before"
        self._progress(f"{state}. The reconciliation stays paused by the annotation {constants.ANNOTATION_PAUSE}.")

    def _command(self) -> str:
        access = self._access
        if self._paused_by_user:
            return f"kubectl scale deployment {access.name} -n {access.namespace} --replicas={self._replicas}"
        annotations = " ".join(f"{name}-" for name in _PAUSE)
        return f"kubectl annotate cryostat {access.name} -n {access.namespace} {annotations}"

    async def _is_pause_confirmed(self) -> bool:
        cryostat = await self._access.client.request("GET", self._access.path)
        return find_condition(cryostat, "ReconciliationActive").get("status") == "False"

    async def _is_stopped(self) -> bool:
        return not await self._access.pods(APPLICATION)
