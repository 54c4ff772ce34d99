"""Scheduled backups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.api.backup_schedule import SCHEDULE, SECRET, TARGET
from cryostat_operator.backup import backup_commands
from cryostat_operator.images import Image
from cryostat_operator.plan import workloads
from cryostat_operator.plan.components import backup
from cryostat_operator.plan.diff.comparison import differences
from cryostat_operator.plan.model.kinds import InstanceKey, Key
from cryostat_operator.plan.model.owned_names import can_own
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat, find, names_of, paths, reasons

SETTINGS = Settings(service_tls=False, operator_image=Image("example.com/operator:1"))
ASKED = {SCHEDULE: "@daily", TARGET: "s3://backups/prod", SECRET: "target"}
JOB = Key("CronJob", NAMESPACE, f"{NAME}-backup")
KEYS = (backup.PASSPHRASE, *backup.CREDENTIALS)


def state(
    annotations: dict[str, str] | None = None, *, settings: Settings = SETTINGS, name: str = NAME
) -> ClusterState:
    given = cryostat({}, name=name, annotations=ASKED | (annotations or {}))
    return ClusterState(given, settings=settings).settle().with_data("Secret", "target", *KEYS)


def pod(annotations: dict[str, str] | None = None) -> dict[str, Any]:
    job = find(state(annotations).plan, "CronJob", JOB.name)
    return dict(job["spec"]["jobTemplate"]["spec"]["template"]["spec"])


def test_without_the_annotations_nothing_is_added() -> None:
    plain = ClusterState(cryostat({}), settings=SETTINGS).settle().plan
    other = ClusterState(cryostat({}), settings=replace(SETTINGS, operator_image=None)).settle().plan
    assert paths(plain) == paths(other)
    assert not names_of(plain, "CronJob")


def test_the_annotations_add_three_objects() -> None:
    plan = state().plan
    plain = ClusterState(cryostat({}), settings=SETTINGS).settle().plan
    added = set(plan.objects) - set(plain.objects)
    assert added == {JOB, JOB._replace(kind="ServiceAccount"), JOB._replace(kind="RoleBinding")}
    for key in added:
        obj = plan.objects[key]
        assert obj["metadata"]["ownerReferences"][0]["kind"] == "Cryostat"
        assert obj["metadata"]["labels"][constants.LABEL_NAME] == NAME
        assert can_own(InstanceKey(NAMESPACE, NAME), key)
    binding = plan.objects[JOB._replace(kind="RoleBinding")]
    assert binding["roleRef"]["name"] == "cryostat-operator-backup"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": JOB.name, "namespace": NAMESPACE}]
    assert plan.objects[JOB._replace(kind="ServiceAccount")]["automountServiceAccountToken"] is False


def test_the_job_runs_the_command_with_its_options() -> None:
    [container] = pod()["containers"]
    assert container["command"] == ["cryostat-operator"]
    command, *arguments = container["args"]
    assert command == "backup"
    context = backup_commands.backup.make_context("backup", list(arguments))
    assert context.params["name"] == NAME
    assert context.params["namespace"] == NAMESPACE
    assert context.params["target"] == "s3://backups/prod/$(POD_NAME)"
    assert context.params["passphrase_file"] is None


def test_only_known_keys_of_the_secret_become_variables() -> None:
    [container] = pod()["containers"]
    assert "envFrom" not in container
    found = {entry["name"]: entry["valueFrom"] for entry in container["env"]}
    assert found.pop("POD_NAME") == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert set(found) == {*KEYS, *backup.OPTIONAL_KEYS}
    for name, source in found.items():
        key = "ca.crt" if name == "CRYOSTAT_BACKUP_CA_CERTIFICATES" else name
        reference = {"name": "target", "key": key, "optional": name in backup.OPTIONAL_KEYS}
        assert source == {"secretKeyRef": reference}


def test_a_claim_is_mounted_and_needs_no_credentials() -> None:
    found = pod({TARGET: "pvc:backups"})
    [container] = found["containers"]
    assert container["args"][-1] == "/backups/$(POD_NAME)"
    assert {"name": "backups", "persistentVolumeClaim": {"claimName": "backups"}} in found["volumes"]
    assert {"name": "backups", "mountPath": "/backups"} in container["volumeMounts"]
    assert {entry["name"] for entry in container["env"]} == {"POD_NAME", backup.PASSPHRASE}
    plan = state({TARGET: "pvc:backups"}).with_data("Secret", "target", backup.PASSPHRASE).plan
    assert JOB in plan.objects


def test_the_pod_is_restricted_and_ends() -> None:
    job = find(state().plan, "CronJob", JOB.name)["spec"]
    assert (job["concurrencyPolicy"], job["suspend"]) == ("Forbid", False)
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 1
    assert job["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    found = pod()
    assert found["restartPolicy"] == "Never"
    assert found["enableServiceLinks"] is False
    assert found["affinity"] == {"nodeAffinity": workloads.LINUX_NODES}
    assert found["securityContext"]["runAsNonRoot"] is True
    [container] = found["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container["resources"]["limits"]["memory"]


def test_selectors_of_the_instance_do_not_match_the_pod() -> None:
    job = find(state().plan, "CronJob", JOB.name)
    assert "kind" not in job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]


def test_a_mesh_adds_no_sidecar_that_keeps_the_job_from_ending() -> None:
    metadata = find(state().plan, "CronJob", JOB.name)["spec"]["jobTemplate"]["spec"]["template"]["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["labels"]["kuma.io/sidecar-injection"] == "disabled"
    assert metadata["annotations"] == {
        "linkerd.io/inject": "disabled",
        "consul.hashicorp.com/connect-inject": "false",
    }


def test_defaults_of_the_api_server_are_ignored() -> None:
    desired = find(state().plan, "CronJob", JOB.name)
    pod = desired["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    defaulted = pod | {
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "serviceAccount": JOB.name,
        "terminationGracePeriodSeconds": 30,
        "containers": [container | {"terminationMessagePath": "/dev/termination-log"}],
    }
    template = desired["spec"]["jobTemplate"]["spec"]["template"] | {"spec": defaulted}
    job = desired["spec"]["jobTemplate"]["spec"] | {"template": template}
    live = desired | {"spec": desired["spec"] | {"jobTemplate": desired["spec"]["jobTemplate"] | {"spec": job}}}
    assert differences(desired, live) == []
    assert differences(desired, live | {"spec": live["spec"] | {"suspend": True}}) == ["spec.suspend"]


def test_hibernation_suspends_it() -> None:
    plan = state({constants.ANNOTATION_HIBERNATION: "on"}).plan
    assert find(plan, "CronJob", JOB.name)["spec"]["suspend"] is True


def test_a_missing_secret_blocks_the_cron_job_only() -> None:
    plan = state().without_data("Secret", "target").plan
    assert set(plan.blocked) == {JOB}
    assert "target" in plan.blocked[JOB].problem.message


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            state({SCHEDULE: "60 * * * *"}),
            f'No backups are scheduled. Annotation {SCHEDULE} is "60 * * * *": '
            '"60" is not a valid minute; use values from 0 to 59.',
        ),
        (
            state(settings=replace(SETTINGS, operator_image=None)),
            "No backups are scheduled: the operator does not know its own image. Set the environment variable "
            "RELATED_IMAGE_OPERATOR of the operator.",
        ),
        (
            state(name="x" * 46),
            f"No backups are scheduled: the name of CronJob here/{'x' * 46}-backup would have more than 52 characters. "
            "Use a shorter name for the Cryostat.",
        ),
    ],
    ids=["schedule", "image", "name"],
)
def test_a_backup_that_cannot_be_scheduled_is_reported_and_adds_nothing(found: ClusterState, message: str) -> None:
    assert "BackupScheduleInvalid" in reasons(found.plan.warnings)
    assert [each.message for each in found.plan.warnings if each.component == backup.NAME] == [message]
    assert not [key for key in found.plan.objects if key.name.endswith("-backup")]
