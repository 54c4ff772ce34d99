"""The annotations of a scheduled backup."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from cryostat_operator.api.backup_schedule import (
    SCHEDULE,
    SECRET,
    TARGET,
    BackupSchedule,
    InvalidScheduleError,
    read_schedule,
)

VALID = {SCHEDULE: "17 3 * * *", TARGET: "s3://backups/cryostat/prod", SECRET: "backup-target"}


def metadata(**changed: str | None) -> dict[str, Any]:
    names = {"schedule": SCHEDULE, "target": TARGET, "secret": SECRET}
    given = VALID | {names[name]: value for name, value in changed.items()}
    return {"annotations": {key: value for key, value in given.items() if value is not None}}


@pytest.mark.parametrize("given", [{}, {"annotations": None}, {"annotations": {"team": "x"}}, {"annotations": "text"}])
def test_without_annotations_nothing_is_scheduled(given: dict[str, Any]) -> None:
    assert read_schedule(given) is None


def test_a_schedule_has_a_bucket_or_a_claim() -> None:
    bucket = BackupSchedule("17 3 * * *", "", "s3://backups/cryostat/prod", "backup-target")
    assert read_schedule(metadata()) == bucket
    assert read_schedule(metadata(target="s3://backups/cryostat/prod/")) == bucket
    assert read_schedule(metadata(target="pvc:backups")) == BackupSchedule("17 3 * * *", "backups", "", "backup-target")


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *", "*/5 0-6 1,15 * mon-FRI", "0 0 ? jan 0", "59 23 31 12 6", "0-30/10 * * * *", "@daily", "@hourly"],
)
def test_valid_schedules_are_accepted(schedule: str) -> None:
    found = read_schedule(metadata(schedule=schedule))
    assert found
    assert found.schedule == schedule


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ("daily", "use five fields"),
        ("@every 1h", "use five fields"),
        ("0 0 * * * *", "use five fields"),
        ("0  0 * * *", "use five fields"),
        ("TZ=UTC 0 0 * * *", "use five fields"),
        ("60 0 * * *", '"60" is not a valid minute; use values from 0 to 59'),
        ("0 24 * * *", '"24" is not a valid hour'),
        ("0 0 0 * *", '"0" is not a valid day of the month; use values from 1 to 31'),
        ("0 0 * 13 *", '"13" is not a valid month'),
        ("0 0 * * 7", '"7" is not a valid day of the week'),
        ("0 0 * mon *", '"mon" is not a valid month'),
        ("5-1 0 * * *", '"5-1" is not a valid minute'),
        ("*/0 0 * * *", '"*/0" is not a valid minute'),
        ("1, 0 * * *", '"" is not a valid minute'),
        ("٣ 0 * * *", "is not a valid minute"),
    ],
)
def test_wrong_schedules_are_refused(schedule: str, says: str) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        read_schedule(metadata(schedule=schedule))
    assert says in str(caught.value)
    assert SCHEDULE in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        "/backups",
        "pvc:",
        "pvc:A_B",
        "pvc:a/b",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3://b/x",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket/$(CRYOSTAT_BACKUP_PASSPHRASE)",
        "s3://bucket/a b",
        "https://bucket/a",
    ],
)
def test_wrong_targets_are_refused(target: str) -> None:
    with pytest.raises(InvalidScheduleError, match=r"use pvc:CLAIM or s3://BUCKET/PREFIX"):
        read_schedule(metadata(target=target))


@pytest.mark.parametrize("name", ["schedule", "target", "secret"])
@pytest.mark.parametrize("value", [None, ""])
def test_all_annotations_are_needed(name: str, value: str | None) -> None:
    with pytest.raises(InvalidScheduleError, match=f"backup-{name} is missing"):
        read_schedule(metadata(**{name: value}))


def test_a_wrong_secret_is_refused() -> None:
    with pytest.raises(InvalidScheduleError, match="not a valid name of a Secret"):
        read_schedule(metadata(secret="A b"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"schedule": "daily"},
            'Annotation operator.cryostat.io/backup-schedule is "daily": use five fields with one space between them '
            '(minute, hour, day of the month, month, day of the week), such as "17 3 * * *", or @yearly, @annually, '
            "@monthly, @weekly, @daily, @midnight, @hourly.",
        ),
        (
            {"target": "/x"},
            'Annotation operator.cryostat.io/backup-target is "/x": use pvc:CLAIM or s3://BUCKET/PREFIX with letters, '
            "digits and the characters -_.=/ in the prefix.",
        ),
        (
            {"target": None},
            "Annotation operator.cryostat.io/backup-target is missing: a scheduled backup needs "
            "operator.cryostat.io/backup-schedule, operator.cryostat.io/backup-target and "
            "operator.cryostat.io/backup-secret.",
        ),
        (
            {"secret": "A b"},
            'Annotation operator.cryostat.io/backup-secret is "A b", which is not a valid name of a Secret.',
        ),
    ],
)
def test_messages_about_a_schedule(changed: dict[str, str | None], message: str) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        read_schedule(metadata(**changed))
    assert str(caught.value) == message


def test_a_long_annotation_is_not_split() -> None:
    """Each of a million words would take many times the memory of its characters."""
    given = {"annotations": dict.fromkeys((SCHEDULE, TARGET, SECRET), "ab ,cd ," * 100_000)}
    tracemalloc.start()
    assert not read_schedule(given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
