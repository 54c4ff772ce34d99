"""The releases of an instance: what runs, what the operator deploys, and what the data was used with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..images import IMAGES
from ..plan import upgrades
from ..plan.model.kinds import Obj
from .observed import Observed
from .states import find_condition

_DEPLOYED = ("core", "database")


class Releases(NamedTuple):
    """Releases of Cryostat and PostgreSQL, in words.

    Attributes:
        running: in the pods that are ready.
        desired: of the images that the operator deploys; empty if they are not known.
        data: that the data was used with, as its claim records.
    """

    running: str
    desired: str
    data: str


def summary(observed: Observed) -> str:
    """Return the releases of an instance in one line, with the reason if the desired ones are not known."""
    found = releases(observed)
    return f"{found.running}; desired: {found.desired or _why_not_known(observed)}; data: {found.data}"


def releases(observed: Observed) -> Releases:
    """Return the releases of an instance."""
    running = _running_images(observed)
    core, database = running.get(observed.name, ""), running.get(f"{observed.name}-db", "")
    data = upgrades.recorded(_database_claim(observed))
    return Releases(
        upgrades.versions(core, database).title if core or database else _without_images(observed),
        _desired(observed),
        data.title if any(data) else _without_record(observed),
    )


def _without_images(observed: Observed) -> str:
    if {"deployments", "pods"} <= observed.refused:
        return "not known (you may not list deployments and pods)"
    return "nothing runs"


def _without_record(observed: Observed) -> str:
    if "persistentvolumeclaims" in observed.refused:
        return "not known (you may not list persistentvolumeclaims)"
    return "not recorded"


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
    """The releases of the images in the variables of the operator's Deployment; empty if they are not known."""
    for deployment in observed.operators or ():
        images = _variables(deployment)
        if not _unset(images):
            return upgrades.versions(*(images[IMAGES[name][0]] for name in _DEPLOYED)).title
    return ""


def _unset(variables: Mapping[str, str]) -> list[str]:
    return [IMAGES[name][0] for name in _DEPLOYED if not variables.get(IMAGES[name][0])]


def _why_not_known(observed: Observed) -> str:
    if observed.operators is None:
        return "not known (you may not read the Deployment of the operator)"
    if not observed.operators:
        return "not known (the operator has no Deployment in this cluster)"
    unset = " and ".join(_unset(_variables(observed.operators[0])))
    return f"not known (the Deployment of the operator does not set {unset})"


def _variables(deployment: Obj) -> dict[str, str]:
    containers = (((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ()
    return {each["name"]: each.get("value", "") for container in containers for each in container.get("env") or ()}


def _database_claim(observed: Observed) -> Obj | None:
    name = f"{observed.name}-database"
    claims = (each for each in observed.objects if each["kind"] == "PersistentVolumeClaim")
    return next((each for each in claims if each["metadata"]["name"] == name), None)
