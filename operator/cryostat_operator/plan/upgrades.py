"""Checks before an instance with data gets other images: the version of PostgreSQL, and downgrades of Cryostat.

An annotation on the PersistentVolumeClaim of the database records the release of Cryostat and the major version of
PostgreSQL that its data was used with. Users who may only write Cryostats cannot change it. Versions are read from the
tags of images. Nothing is checked if there is no record, or if a tag is not a version.
"""

from __future__ import annotations

from typing import NamedTuple

from ..api import constants
from . import claims
from .image_releases import Release, release_of
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
    """Return the versions that the tags of the images of application and database name."""
    return Versions(release_of(core), postgresql_version(database))


def recorded(claim: Obj | None) -> Versions:
    """Return the versions that the claim of a database records. A part that cannot be read counts as not known."""
    annotations = (claim or {"metadata": {}})["metadata"].get("annotations") or {}
    text = annotations.get(constants.ANNOTATION_DATABASE_RELEASE) or ""
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    postgresql = parts.get(_POSTGRESQL, "")
    return Versions(
        release_of(f":{parts.get(_CRYOSTAT, '')}"),
        int(postgresql) if postgresql.isascii() and postgresql.isdigit() else None,
    )


def next_record(instance: Instance, before: Versions) -> Versions:
    """Return the record after the images are rolled out. A version that is not known keeps its former value."""
    wanted = requested(instance)
    return Versions(wanted.cryostat or before.cryostat, wanted.postgresql or before.postgresql)


def postgresql_version(reference: str) -> int | None:
    """Return the major version of PostgreSQL in an image of Cryostat's database; None if it is not known."""
    release, name = release_of(reference), reference.rpartition("/")[2]
    if release is None or not name.startswith("cryostat-db"):
        return None
    return next((major for first, last, major in POSTGRESQL if first <= release <= last), None)


def release_text(release: Release) -> str:
    return f"{release[0]}.{release[1]}"


def refusal(instance: Instance) -> Problem | None:
    """Return why the images of the operator are not rolled out to an instance; None if they may be."""
    if not claims.uses_claim(instance, "database"):
        return None
    claim = claims.claim_name(instance, "database")
    before, wanted = recorded(claims.live_claim(instance, "database")), requested(instance)
    if before.postgresql and wanted.postgresql and before.postgresql != wanted.postgresql:
        return _other_postgresql(instance, claim, before.postgresql, wanted.postgresql)
    confirmed = instance.annotations.get(constants.ANNOTATION_ALLOW_DOWNGRADE)
    if (
        before.cryostat
        and wanted.cryostat
        and wanted.cryostat < before.cryostat
        and confirmed != release_text(wanted.cryostat)
    ):
        return _downgrade(instance, claim, release_text(before.cryostat), release_text(wanted.cryostat))
    return None


def hold(instance: Instance, components: tuple[ComponentPlan, ...]) -> tuple[ComponentPlan, ...]:
    """Return the plan, with all Deployments blocked if the images must not be rolled out."""
    problem = refusal(instance)
    if problem is None:
        return components
    return tuple(
        component.with_blocked(
            *(Blocked(key_of(obj), problem) for obj in component.objects if obj["kind"] == "Deployment")
        )
        for component in components
    )


def upgrade_allowed(plan: Plan) -> Condition | None:
    """Return the condition `UpgradeAllowed`, which is present, and False, while the images are not rolled out."""
    found = [problem for problem in plan.problems if problem.reason in _REASONS]
    return failed("UpgradeAllowed", found) if found else None


_REASONS = frozenset({Reason.DATABASE_VERSION_MISMATCHED, Reason.DOWNGRADE_NOT_CONFIRMED})


def _other_postgresql(instance: Instance, claim: str, before: int, wanted: int) -> Problem:
    text = message(
        f"PersistentVolumeClaim {instance.namespace}/{claim}",
        f"holds data of PostgreSQL {before}",
        cause=f"the image {instance.image('database').reference} has PostgreSQL {wanted}, which cannot read it",
        consequence=_UNCHANGED,
        remedy=f"Deploy an operator with PostgreSQL {before} again, or move the data (docs/upgrade.md)",
    )
    return Problem("database", Reason.DATABASE_VERSION_MISMATCHED, text, dedup_key=f"{before} {wanted}")


def _downgrade(instance: Instance, claim: str, before: str, wanted: str) -> Problem:
    text = message(
        f"Cryostat {instance.namespace}/{instance.name}",
        f"is not changed from release {before} to {wanted}",
        cause=f"PersistentVolumeClaim {claim} was used with release {before}, and an older one may not read its data",
        consequence=_UNCHANGED,
        remedy=f"Deploy release {before} or later, or make a backup and set the annotation "
        f'{constants.ANNOTATION_ALLOW_DOWNGRADE}: "{wanted}"',
    )
    return Problem("core", Reason.DOWNGRADE_NOT_CONFIRMED, text, dedup_key=f"{before} {wanted}")


_UNCHANGED = "No Deployment is changed, and running pods continue"
