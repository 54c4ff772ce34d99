"""The releases of an instance: what runs, what the operator deploys, and what the data was used with."""

from __future__ import annotations

from typing import NamedTuple

from ..plan import upgrades
from ..plan.model.kinds import Obj
from ..settings import IMAGES
from .observed import Observed
from .states import find_condition

_CORE, _DATABASE = "core", "database"


class Releases(NamedTuple):
    """Releases of Cryostat and PostgreSQL, in words.

    Attributes:
        running: in the pods that are ready.
        desired: of the images that the operator deploys; empty if the user may not read its Deployment.
        data: that the data was used with, as its claim records.
    """

    running: str
    desired: str
    data: str

    def __str__(self) -> str:
        return f"{self.running}; desired: {self.desired or 'not known'}; data: {self.data}"


def releases(observed: Observed) -> Releases:
    """Return the releases of an instance."""
    running = _running_images(observed)
    core, database = running.get(observed.name, ""), running.get(f"{observed.name}-db", "")
    data = upgrades.recorded(_database_claim(observed))
    return Releases(
        upgrades.versions(core, database).title if core or database else "nothing runs",
        _desired(observed),
        data.title if any(data) else "not recorded",
    )


def _running_images(observed: Observed) -> dict[str, str]:
    """Container → image, of Deployments with a ready pod, and of the ready pods, which differ during a rollout."""
    deployments = [each for each in observed.objects if each["kind"] == "Deployment"]
    serving = [each["spec"]["template"] for each in deployments if (each.get("status") or {}).get("readyReplicas")]
    ready = [pod for pod in observed.pods if find_condition(pod, "Ready").get("status") == "True"]
    return {
        container["name"]: str(container.get("image") or "")
        for each in (*serving, *ready)
        for container in each["spec"]["containers"]
    }


def _desired(observed: Observed) -> str:
    """The releases of the images in the variables of the operator's Deployment."""
    for deployment in observed.operators or ():
        images = _variables(deployment)
        core, database = (images.get(IMAGES[name][0]) for name in (_CORE, _DATABASE))
        if core and database:
            return upgrades.versions(core, database).title
    return ""


def _variables(deployment: Obj) -> dict[str, str]:
    containers = (((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ()
    return {each["name"]: each.get("value", "") for container in containers for each in container.get("env") or ()}


def _database_claim(observed: Observed) -> Obj | None:
    name = f"{observed.name}-database"
    claims = (each for each in observed.objects if each["kind"] == "PersistentVolumeClaim")
    return next((each for each in claims if each["metadata"]["name"] == name), None)
