"""The objects of regular backups: a CronJob that runs `backup`, and a ServiceAccount with the permissions for it.

The operator does not create them, because it would need the permission to run commands in pods. The user who creates
them needs all permissions that the Role grants; the API server checks that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..api import constants
from ..plan.model import names
from .bucket_copy import SCHEME, parse_place
from .manifest import BackupError

Obj = dict[str, Any]

CLAIM_SCHEME = "pvc://"
NAME_LIMIT = 52  # characters in the name of a CronJob; a Job adds eleven
VOLUME = "/backups"
FOLDER = "$(POD_NAME)"  # a new folder for each backup, which the kubelet replaces
MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_FIELD = re.compile(r"[\d*/,\-A-Za-z?]+")
_CLAIM = re.compile(rf"{CLAIM_SCHEME}([a-z0-9][a-z0-9.-]*)/?")
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Schedule:
    """When and where an instance is saved.

    Attributes:
        namespace: namespace of the Cryostat and of all objects.
        name: name of the Cryostat.
        cron: five fields, or a macro such as `@daily`.
        time_zone: name of a time zone, for example `Europe/Berlin`; empty for that of the cluster.
        target: `s3://BUCKET/PREFIX` or `pvc://CLAIM`. Each backup gets a folder of its own in it.
        secret: Secret whose values are the environment of the command: passphrase and credentials of the bucket.
        database_secret: Secret with the keys of the database; empty for the generated one.
        image: image of the operator.
        fs_group: group that can write to the claim; 0 if the cluster sets it, as OpenShift does.
    """

    namespace: str
    name: str
    cron: str
    target: str
    secret: str
    image: str
    time_zone: str = ""
    database_secret: str = ""
    fs_group: int = 0

    @property
    def object_name(self) -> str:
        """Name of all objects. A longer name than a CronJob can have is replaced by one with a digest."""
        whole = f"{self.name}-backup"
        return whole if len(whole) <= NAME_LIMIT else f"cryostat-backup-{names.sha256(self.name)[:32]}"


def check_schedule(schedule: Schedule) -> None:
    """Check what the API server does not, or only when a Job runs.

    Raises:
        BackupError: the schedule or the target cannot be used.
    """
    fields = schedule.cron.split()
    if schedule.cron not in MACROS and (len(fields) != 5 or not all(map(_FIELD.fullmatch, fields))):
        raise BackupError(
            f"The schedule {schedule.cron!r} is not a cron expression: it needs five fields, for example '17 3 * * *', "
            "or one of @hourly, @daily, @weekly, @monthly and @yearly."
        )
    if parse_place(schedule.target) is None and not _CLAIM.fullmatch(schedule.target):
        raise BackupError(
            f"The target {schedule.target!r} must be {SCHEME}BUCKET/PREFIX, or {CLAIM_SCHEME}CLAIM for a "
            "PersistentVolumeClaim."
        )


def objects_of(schedule: Schedule) -> list[Obj]:
    """Return the ServiceAccount, Role, RoleBinding and CronJob of a schedule.

    Raises:
        BackupError: the schedule or the target cannot be used.
    """
    check_schedule(schedule)
    name = schedule.object_name
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(schedule)},
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": _metadata(schedule), "rules": _rules(schedule)},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": _metadata(schedule),
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": schedule.namespace}],
        },
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": _metadata(schedule), "spec": _cron_job(schedule)},
    ]


def _metadata(schedule: Schedule) -> Obj:
    labels = {"app.kubernetes.io/name": "cryostat-backup", "app.kubernetes.io/instance": schedule.object_name}
    return {"name": schedule.object_name, "namespace": schedule.namespace, "labels": labels}


def _rules(schedule: Schedule) -> list[Obj]:
    """What `backup` reads of this instance. Names of pods are generated, so rules of pods cannot name them."""
    instance = schedule.name
    secrets = [schedule.database_secret or f"{instance}-db", f"{instance}-storage", f"{instance}-storage-tls"]
    return [
        _rule(constants.GROUP, [constants.PLURAL], ["get"], [instance]),
        _rule("apps", ["deployments"], ["get"], [instance, f"{instance}-database", f"{instance}-storage"]),
        _rule("", ["pods"], ["list"]),
        _rule("", ["pods/exec", "pods/portforward"], ["get", "create"]),
        _rule("", ["secrets"], ["get"], secrets),
    ]


def _rule(group: str, resources: list[str], verbs: list[str], resource_names: list[str] | None = None) -> Obj:
    rule: Obj = {"apiGroups": [group], "resources": resources, "verbs": verbs}
    return {**rule, "resourceNames": resource_names} if resource_names else rule


def _cron_job(schedule: Schedule) -> Obj:
    template = {"metadata": {"labels": _metadata(schedule)["labels"]}, "spec": _pod(schedule)}
    return {
        "schedule": schedule.cron,
        **({"timeZone": schedule.time_zone} if schedule.time_zone else {}),
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "jobTemplate": {"spec": {"backoffLimit": 1, "template": template}},
    }


def _pod(schedule: Schedule) -> Obj:
    claim = _CLAIM.fullmatch(schedule.target)
    folder = f"{VOLUME}/{FOLDER}" if claim else f"{schedule.target.rstrip('/')}/{FOLDER}"
    # A backup for a bucket is written to /tmp first.
    mounts, volumes = [{"name": "tmp", "mountPath": "/tmp"}], [{"name": "tmp", "emptyDir": {}}]  # noqa: S108
    if claim:
        mounts.append({"name": "backups", "mountPath": VOLUME})
        volumes.append({"name": "backups", "persistentVolumeClaim": {"claimName": claim[1]}})
    return {
        "serviceAccountName": schedule.object_name,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            **({"fsGroup": schedule.fs_group} if claim and schedule.fs_group else {}),
        },
        "containers": [
            {
                "name": "backup",
                "image": schedule.image,
                "args": ["backup", schedule.name, "--namespace", schedule.namespace, "--to", folder],
                "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "envFrom": [{"secretRef": {"name": schedule.secret}}],
                "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
