"""The scheduled backup that annotations of a Cryostat ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import constants
from .limits import MAX_ANNOTATION_READ

SCHEDULE, TARGET, SECRET = (
    constants.ANNOTATION_BACKUP_SCHEDULE,
    constants.ANNOTATION_BACKUP_TARGET,
    constants.ANNOTATION_BACKUP_SECRET,
)
ANNOTATIONS = (SCHEDULE, TARGET, SECRET)
S3, CLAIM = "s3://", "pvc:"
PASSPHRASE_VARIABLE = "CRYOSTAT_BACKUP_PASSPHRASE"  # noqa: S105 - the name of a variable
AUTHORITIES_VARIABLE = "CRYOSTAT_BACKUP_CA_CERTIFICATES"
AUTHORITIES_KEY = "ca.crt"  # in the Secret of the annotation

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
# Name, smallest and largest value, names of values. Source: the field "schedule" of a CronJob.
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of the month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_RANGE = re.compile(r"(?P<all>[*?])|(?P<first>[0-9A-Za-z]{1,3})(-(?P<last>[0-9A-Za-z]{1,3}))?")
_STEP = re.compile(r"[1-9][0-9]?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_BUCKET = re.compile(r"[-.a-z0-9]{3,63}")
_PREFIX = re.compile(r"[-_.=A-Za-z0-9]+(/[-_.=A-Za-z0-9]+)*")
# Characters: of a name, of a prefix, and of a wrong value in a message.
_LONGEST_NAME = 253
_LONGEST_PREFIX = 512
_SHOWN = 80


@dataclass(frozen=True)
class BackupSchedule:
    """A scheduled backup.

    Attributes:
        schedule: when it runs, as the field `schedule` of a CronJob.
        claim: PersistentVolumeClaim that stores the backups; empty with a bucket.
        place: `s3://BUCKET/PREFIX` that the backups are stored below; empty with a claim.
        secret: Secret with the passphrase and the credentials of the bucket.
    """

    schedule: str
    claim: str
    place: str
    secret: str


class InvalidScheduleError(ValueError):
    """An annotation of the scheduled backup is wrong or missing. The text is one sentence for the author."""


def values(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotations of the scheduled backup in the metadata of a Cryostat, without those that are too long."""
    annotations = metadata.get("annotations")
    if not isinstance(annotations, Mapping):
        return {}
    found = {key: str(annotations[key]) for key in ANNOTATIONS if key in annotations}
    return {key: text for key, text in found.items() if len(text) <= MAX_ANNOTATION_READ}


def read_schedule(metadata: Mapping[str, Any]) -> BackupSchedule | None:
    """Return the scheduled backup that a Cryostat asks for; None if it has none of the annotations.

    Raises:
        InvalidScheduleError: an annotation is wrong or missing.
    """
    given = values(metadata)
    if not given:
        return None
    for key in ANNOTATIONS:
        if not given.get(key):
            needed = f"{SCHEDULE}, {TARGET} and {SECRET}"
            raise InvalidScheduleError(f"Annotation {key} is missing: a scheduled backup needs {needed}.")
    if problem := _schedule_problem(given[SCHEDULE]):
        raise InvalidScheduleError(f'Annotation {SCHEDULE} is "{given[SCHEDULE][:_SHOWN]}": {problem}.')
    claim, place = _target(given[TARGET])
    if not is_object_name(given[SECRET]):
        raise InvalidScheduleError(
            f'Annotation {SECRET} is "{given[SECRET][:_SHOWN]}", which is not a valid name of a Secret.'
        )
    return BackupSchedule(given[SCHEDULE], claim, place, given[SECRET])


def _target(text: str) -> tuple[str, str]:
    """Return claim and bucket of a target, one of which is empty."""
    if text.startswith(CLAIM) and is_object_name(text.removeprefix(CLAIM)):
        return text.removeprefix(CLAIM), ""
    bucket, _, prefix = text.removeprefix(S3).partition("/")
    prefix = prefix.rstrip("/")
    is_bucket = _BUCKET.fullmatch(bucket) and bucket == bucket.strip("-.")
    is_place = is_bucket and _PREFIX.fullmatch(prefix) and len(prefix) <= _LONGEST_PREFIX
    if text.startswith(S3) and is_place and not {".", ".."} & set(prefix.split("/")):
        return "", f"{S3}{bucket}/{prefix}"
    raise InvalidScheduleError(
        f'Annotation {TARGET} is "{text[:_SHOWN]}": use {CLAIM}CLAIM or {S3}BUCKET/PREFIX '
        f"with letters, digits and the characters -_.=/ in the prefix."
    )


def is_object_name(text: str) -> bool:
    """Return whether a text can be the name of a Secret or claim."""
    return len(text) <= _LONGEST_NAME and bool(_SUBDOMAIN.fullmatch(text))


def _schedule_problem(text: str) -> str:
    """Return what is wrong with a schedule; empty if nothing is."""
    if text in _MACROS:
        return ""
    fields = text.split(" ")
    if text.startswith("@") or len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        return f'use five fields with one space between them ({names}), such as "17 3 * * *", or {", ".join(_MACROS)}'
    for field, (name, smallest, largest, known) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            if not _is_part(part, smallest, largest, known):
                return f'"{part[:_SHOWN]}" is not a valid {name}; use values from {smallest} to {largest}'
    return ""


def _is_part(part: str, smallest: int, largest: int, known: list[str]) -> bool:
    """Whether a part between commas is valid: `*`, a value or a range, with or without a step."""
    span, slash, step = part.partition("/")
    found = _RANGE.fullmatch(span)
    if not found or (slash and not _STEP.fullmatch(step)):
        return False
    if found["all"]:
        return True
    numbers = [_number(each, smallest, known) for each in (found["first"], found["last"]) if each]
    return all(n is not None and smallest <= n <= largest for n in numbers) and numbers == sorted(numbers, key=_key)


def _number(text: str, smallest: int, known: list[str]) -> int | None:
    if text.lower() in known:
        return known.index(text.lower()) + smallest
    return int(text) if text.isascii() and text.isdigit() else None


def _key(number: int | None) -> int:
    return -1 if number is None else number
