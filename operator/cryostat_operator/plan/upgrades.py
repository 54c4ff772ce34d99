"""Checks before an instance with data gets other images: the version of PostgreSQL, and downgrades of Cryostat.

An annotation on the PersistentVolumeClaim of the database records the release of Cryostat and the major version of
PostgreSQL that its data was used with. Users who may only write Cryostats cannot change it. Versions are read from the
tags of images. Nothing is checked if there is no record, or if a tag is not a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ..api import constants
from . import claims
from .image_releases import Release, release_of, release_text
from .instance import Instance
from .model.condition import Condition, failed
from .model.desired_state import Blocked, ComponentPlan, Plan
from .model.kinds import Obj, key_of
from .model.messages import message
from .model.problems import Problem
from .model.reasons import Reason

# First and last release of the image `cryostat-db`, and the major version of PostgreSQL in it.
POSTGRESQL = (((2, 0), (3, 0), 15), ((4, 0), (4, 2), 16))
_CRYOSTAT, _POSTGRESQL = "cryostat", "postgresql"
_REASONS = frozenset({Reason.DATABASE_VERSION_MISMATCHED, Reason.DOWNGRADE_NOT_CONFIRMED})
_UNCHANGED = "Deployments keep their images"
_CONTAINER_FIELDS = ("initContainers", "containers")


class Versions(NamedTuple):
    """Versions of the programs that use the data; None if a version is not known.

    Attributes:
        cryostat: release of Cryostat.
        postgresql: major version of PostgreSQL.
    """

    cryostat: Release | None = None
    postgresql: int | None = None

    @property
    def title(self) -> str:
        """The versions in words."""
        cryostat = f"Cryostat {release_text(self.cryostat)}" if self.cryostat else "Cryostat of an unknown release"
        return f"{cryostat}, PostgreSQL {self.postgresql}" if self.postgresql else f"{cryostat}, unknown PostgreSQL"

    def __str__(self) -> str:
        """The value of the annotation; empty if nothing is known."""
        parts = {_CRYOSTAT: release_text(self.cryostat) if self.cryostat else "", _POSTGRESQL: self.postgresql or ""}
        return ",".join(f"{name}={value}" for name, value in parts.items() if value)


def requested(instance: Instance) -> Versions:
    """Return the versions of the images that the operator deploys."""
    return versions(instance.image("core").reference, instance.image("database").reference)


def versions(core: str, database: str) -> Versions:
    """Return the versions in the tags of these images of application and database."""
    return Versions(release_of(core), postgresql_version(database))


def recorded(claim: Obj | None) -> Versions:
    """Return the versions that the claim of a database records."""
    annotations = (claim or {"metadata": {}})["metadata"].get("annotations") or {}
    return parse_record(annotations.get(constants.ANNOTATION_DATABASE_RELEASE) or "")


def parse_record(text: str) -> Versions:
    """Return the versions of the value of an annotation. A part that cannot be read counts as not known."""
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    postgresql = parts.get(_POSTGRESQL, "")
    return Versions(
        release_of(f":{parts.get(_CRYOSTAT, '')}"),
        int(postgresql) if postgresql.isascii() and postgresql.isdigit() else None,
    )


def next_record(instance: Instance, before: Versions) -> Versions:
    """Return the record after the images are rolled out. A version that is not known keeps its former value."""
    after = requested(instance)
    return Versions(after.cryostat or before.cryostat, after.postgresql or before.postgresql)


def postgresql_version(reference: str) -> int | None:
    """Return the major version of PostgreSQL in an image of Cryostat's database; None if it is not known."""
    release, name = release_of(reference), reference.rpartition("/")[2]
    if release is None or not name.startswith("cryostat-db"):
        return None
    return next((major for first, last, major in POSTGRESQL if first <= release <= last), None)


def refusal(instance: Instance) -> Problem | None:
    """Return why the operator must not use its images for an instance; None if it may."""
    if not claims.uses_claim(instance, "database"):
        return None
    claim = claims.claim_name(instance, "database")
    before, after = recorded(claims.live_claim(instance, "database")), requested(instance)
    if before.postgresql and after.postgresql and before.postgresql != after.postgresql:
        return _other_postgresql(instance, claim, before.postgresql, after.postgresql)
    confirmed = instance.annotations.get(constants.ANNOTATION_ALLOW_DOWNGRADE)
    if (
        before.cryostat
        and after.cryostat
        and after.cryostat < before.cryostat
        and confirmed != release_text(after.cryostat)
    ):
        return _downgrade(instance, claim, release_text(before.cryostat), release_text(after.cryostat))
    return None


def hold(instance: Instance, components: tuple[ComponentPlan, ...]) -> tuple[ComponentPlan, ...]:
    """Return the plan, with the live images in all Deployments if the images must not be rolled out.

    All else in a Deployment is still applied: drift is reverted, changed Secrets restart its pods, and an instance that
    hibernated starts with its former images. A Deployment whose former images are not known is blocked.
    """
    problem = refusal(instance)
    if problem is None:
        return components
    return tuple(_held(instance, component, problem) for component in components)


def _held(instance: Instance, component: ComponentPlan, problem: Problem) -> ComponentPlan:
    deployments = [obj for obj in component.objects if obj["kind"] == "Deployment"]
    held = {key_of(obj): _with_live_images(instance, obj) for obj in deployments}
    rest = component.with_blocked(*(Blocked(key, problem) for key, obj in held.items() if obj is None))
    own = (problem,) if component.name == problem.component else ()
    return replace(
        rest,
        objects=tuple(held.get(key_of(obj)) or obj for obj in rest.objects),
        problems=(*rest.problems, *own),
    )


def _with_live_images(instance: Instance, deployment: Obj) -> Obj | None:
    """Return the Deployment with the live images; None if that of the application or database is not known.

    A container that the live Deployment does not have gets the image of another one that is to have the same image.
    """
    live = instance.live("Deployment", deployment["metadata"]["name"])
    pod = deployment["spec"]["template"]["spec"]
    former = {each["name"]: each for each in _containers(live["spec"]["template"]["spec"])} if live else {}
    images = {each["image"]: _image_fields(former[each["name"]]) for each in _containers(pod) if each["name"] in former}
    versioned = {instance.image(name).reference for name in ("core", "database")}
    if any(each["image"] in versioned - images.keys() for each in _containers(pod)):
        return None
    held = {
        field: [{**each, **_image_of(each, former, images)} for each in pod[field]]
        for field in _CONTAINER_FIELDS
        if field in pod
    }
    template = {**deployment["spec"]["template"], "spec": {**pod, **held}}
    return {**deployment, "spec": {**deployment["spec"], "template": template}}


def _containers(pod: Obj) -> list[Obj]:
    return [container for field in _CONTAINER_FIELDS for container in pod.get(field) or ()]


def _image_of(container: Obj, former: Mapping[str, Obj], images: Mapping[str, Obj]) -> Obj:
    """The fields of the image that a container keeps; empty for a new container with an image of its own."""
    live = former.get(container["name"])
    return _image_fields(live) if live else images.get(container["image"], {})


def _image_fields(container: Obj) -> Obj:
    return {field: container[field] for field in ("image", "imagePullPolicy") if field in container}


def upgrade_allowed(plan: Plan) -> Condition | None:
    """Return the condition `UpgradeAllowed`: present, and False, while the operator does not use its images."""
    found = [problem for problem in plan.problems if problem.reason in _REASONS]
    return failed("UpgradeAllowed", found) if found else None


def _other_postgresql(instance: Instance, claim: str, before: int, after: int) -> Problem:
    text = message(
        f"PersistentVolumeClaim {instance.namespace}/{claim}",
        f"holds data of PostgreSQL {before}",
        cause=f"the image {instance.image('database').reference} has PostgreSQL {after}, which cannot read it",
        consequence=_UNCHANGED,
        remedy=f"Deploy an operator with PostgreSQL {before} again, or move the data (docs/upgrade.md)",
    )
    return Problem("database", Reason.DATABASE_VERSION_MISMATCHED, text, dedup_key=f"{before} {after}")


def _downgrade(instance: Instance, claim: str, before: str, after: str) -> Problem:
    text = message(
        f"Cryostat {instance.namespace}/{instance.name}",
        f"is not changed from release {before} to {after}",
        cause=f"PersistentVolumeClaim {claim} was used with release {before}, "
        "and an older one may fail to read its data",
        consequence=_UNCHANGED,
        remedy=f"Deploy release {before} or later, or make a backup and set the annotation "
        f'{constants.ANNOTATION_ALLOW_DOWNGRADE}: "{after}"',
    )
    return Problem("core", Reason.DOWNGRADE_NOT_CONFIRMED, text, dedup_key=f"{before} {after}")
