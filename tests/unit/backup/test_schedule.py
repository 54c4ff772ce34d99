"""The objects of a schedule are valid for Kubernetes and grant what one instance needs."""

from __future__ import annotations

import dataclasses

import pytest

from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.schedule import NAME_LIMIT, Obj, Schedule, objects_of
from tests.unit import kubernetes_schemas

SCHEDULE = Schedule(
    namespace="here", name="c", cron="17 3 * * *", target="s3://backups/c", secret="target", image="operator:1"
)


def planned(**changes: object) -> dict[str, Obj]:
    """The objects of `SCHEDULE` with other values, by kind."""
    return {obj["kind"]: obj for obj in objects_of(dataclasses.replace(SCHEDULE, **changes))}  # type: ignore[arg-type]


def pod_of(objects: dict[str, Obj]) -> Obj:
    pod: Obj = objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("target", ["s3://backups/c", "pvc://claim"])
@pytest.mark.parametrize("time_zone", ["", "Europe/Berlin"])
def test_all_objects_are_valid(target: str, time_zone: str) -> None:
    objects = planned(target=target, time_zone=time_zone, fs_group=1)
    assert [*objects] == ["ServiceAccount", "Role", "RoleBinding", "CronJob"]
    assert [kubernetes_schemas.errors(obj) for obj in objects.values()] == [[]] * 4
    assert objects["CronJob"]["spec"].get("timeZone", "") == time_zone


def test_a_bucket_gets_a_folder_for_each_backup() -> None:
    pod = pod_of(planned(target="s3://backups/c/"))
    [container] = pod["containers"]
    assert container["args"] == ["backup", "c", "--namespace", "here", "--to", "s3://backups/c/$(POD_NAME)"]
    assert container["envFrom"] == [{"secretRef": {"name": "target"}}]
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp"]
    assert "fsGroup" not in pod["securityContext"]


@pytest.mark.parametrize(("group", "context"), [(7, {"fsGroup": 7}), (0, {})])
def test_a_claim_is_mounted(group: int, context: Obj) -> None:
    pod = pod_of(planned(target="pvc://claim", fs_group=group))
    [container] = pod["containers"]
    assert container["args"][-1] == "/backups/$(POD_NAME)"
    assert {"name": "backups", "mountPath": "/backups"} in container["volumeMounts"]
    assert {"name": "backups", "persistentVolumeClaim": {"claimName": "claim"}} in pod["volumes"]
    restricted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["securityContext"] == {**restricted, **context}


@pytest.mark.parametrize(("given", "used"), [("", "c-db"), ("mine", "mine")])
def test_the_role_names_the_secrets_of_one_instance(given: str, used: str) -> None:
    rules = planned(database_secret=given)["Role"]["rules"]
    [secrets] = [rule for rule in rules if rule["resources"] == ["secrets"]]
    assert secrets["resourceNames"] == [used, "c-storage", "c-storage-tls"]
    assert secrets["verbs"] == ["get"]


@pytest.mark.parametrize("length", [1, 45, 46, 48])
def test_a_long_name_is_shortened(length: int) -> None:
    objects = planned(name="c" * length)
    [name] = {obj["metadata"]["name"] for obj in objects.values()}
    assert len(name) <= NAME_LIMIT
    assert name.startswith("c" * length) == (length < 46)
    assert pod_of(objects)["serviceAccountName"] == name
    assert objects["RoleBinding"]["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "here"}]


@pytest.mark.parametrize("cron", ["@daily", "17 3 * * *", "*/5 0-6 1,15 JAN-DEC mon"])
def test_schedules_that_are_accepted(cron: str) -> None:
    assert planned(cron=cron)["CronJob"]["spec"]["schedule"] == cron


@pytest.mark.parametrize("cron", ["", "daily", "@never", "17 3 * *", "17 3 * * * *", "17 3 * * $(x)"])
def test_schedules_that_are_refused(cron: str) -> None:
    with pytest.raises(BackupError) as error:
        planned(cron=cron)
    assert str(error.value) == (
        f"The schedule {cron!r} is not a cron expression: it needs five fields, for example '17 3 * * *', "
        "or one of @hourly, @daily, @weekly, @monthly and @yearly."
    )


@pytest.mark.parametrize("target", ["", "backups", "/backups", "pvc://", "pvc://a/b", "pvc://A"])
def test_targets_that_are_refused(target: str) -> None:
    with pytest.raises(BackupError) as error:
        planned(target=target)
    assert str(error.value) == (
        f"The target {target!r} must be s3://BUCKET/PREFIX, or pvc://CLAIM for a PersistentVolumeClaim."
    )


def test_a_bucket_needs_a_prefix() -> None:
    with pytest.raises(BackupError, match=r"s3://backups needs a bucket and a prefix: s3://BUCKET/PREFIX\."):
        planned(target="s3://backups")
