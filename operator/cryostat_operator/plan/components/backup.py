"""Scheduled backups: a CronJob that runs the command `backup` in the image of the operator, if annotations ask for it.

Its ServiceAccount can run commands in pods and read Secrets of the install namespace, so admission reviews the author.
"""

from __future__ import annotations

from ...api import backup_schedule
from ...api.backup_schedule import BackupSchedule, InvalidScheduleError
from ...images import OPERATOR_IMAGE, Image
from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import ComponentPlan, Reference
from ..model.kinds import Obj, key_of
from ..model.problems import Problem
from ..model.reasons import Reason

NAME = "backup"
PASSPHRASE = backup_schedule.PASSPHRASE_VARIABLE
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# Variable → key of the Secret.
OPTIONAL_KEYS = {
    **{key: key for key in ("AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")},
    backup_schedule.AUTHORITIES_VARIABLE: backup_schedule.AUTHORITIES_KEY,
}
LONGEST_NAME = 52  # characters of the name of a CronJob, because Jobs get a longer one
DEADLINE_SECONDS = 6 * 3600  # of one backup; a Job that hangs would keep the next one from starting
# A sidecar of a mesh would keep the Job from ending, and the command connects only to the API server and the bucket.
NO_SIDECAR_LABELS = {"sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"}
NO_SIDECAR_ANNOTATIONS = {"linkerd.io/inject": "disabled", "consul.hashicorp.com/connect-inject": "false"}
_DIRECTORY, _TEMPORARY = "/backups", "/tmp"  # noqa: S108 - a volume of the pod
_REQUESTS, _LIMITS = ("50m", "128Mi"), ("1", "512Mi")


def build(instance: Instance) -> ComponentPlan:
    """Return the CronJob and its permissions; nothing without the annotations, and a warning if they cannot be used."""
    name = names.backup(instance.name)
    try:
        schedule = backup_schedule.read_schedule(instance.cryostat.metadata)
    except InvalidScheduleError as error:
        return _refused(f"No backups are scheduled. {error}")
    if schedule is None:
        return ComponentPlan(NAME)
    if len(name) > LONGEST_NAME:
        return _refused(
            f"No backups are scheduled: the name of CronJob {instance.namespace}/{name} would have "
            f"more than {LONGEST_NAME} characters. Use a shorter name for the Cryostat."
        )
    image = instance.settings.operator_image
    if image is None:
        return _refused(
            f"No backups are scheduled: the operator does not know its own image. Set the environment variable "
            f"{OPERATOR_IMAGE} of the operator."
        )
    job = cron_job(instance, schedule, image)
    keys = frozenset({PASSPHRASE, *(CREDENTIALS if schedule.place else ())})
    return ComponentPlan(
        NAME,
        objects=(_service_account(instance), _role_binding(instance), job),
        needs={key_of(job): frozenset({Reference("Secret", schedule.secret, keys)})},
    )


def _refused(text: str) -> ComponentPlan:
    return ComponentPlan(NAME, warnings=(Problem(NAME, Reason.BACKUP_SCHEDULE_INVALID, text),))


def _service_account(instance: Instance) -> Obj:
    """The account of the CronJob. Pods that do not ask for its token get none."""
    return builders.owned(instance, "ServiceAccount", names.backup(instance.name), _labels(instance)) | {
        "automountServiceAccountToken": False
    }


def _role_binding(instance: Instance) -> Obj:
    group, name = "rbac.authorization.k8s.io", names.backup(instance.name)
    return builders.owned(instance, "RoleBinding", name, _labels(instance)) | {
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": instance.settings.backup_cluster_role},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": instance.namespace}],
    }


def cron_job(instance: Instance, schedule: BackupSchedule, image: Image) -> Obj:
    """Return the CronJob. It is suspended during hibernation, because the data cannot be read then."""
    job = {
        "backoffLimit": 1,
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "template": {
            "metadata": {
                "labels": {**_labels(instance), **NO_SIDECAR_LABELS},
                "annotations": dict(NO_SIDECAR_ANNOTATIONS),
            },
            "spec": _pod(instance, schedule, image),
        },
    }
    return builders.owned(instance, "CronJob", names.backup(instance.name), _labels(instance)) | {
        "spec": {
            "schedule": schedule.schedule,
            "concurrencyPolicy": "Forbid",
            "suspend": instance.hibernation_requested,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"metadata": {"labels": _labels(instance)}, "spec": job},
        }
    }


def _pod(instance: Instance, schedule: BackupSchedule, image: Image) -> Obj:
    volumes: list[Obj] = [{"name": "tmp", "emptyDir": {}}]
    mounts = [builders.mount("tmp", _TEMPORARY, read_only=False)]
    if schedule.claim:
        volumes.append({"name": "backups", "persistentVolumeClaim": {"claimName": schedule.claim}})
        mounts.append(builders.mount("backups", _DIRECTORY, read_only=False))
    place = schedule.place or _DIRECTORY
    container = {
        "name": NAME,
        "image": image.reference,
        "imagePullPolicy": image.pull_policy,
        "command": ["cryostat-operator"],
        # The name of each pod is different, so backups do not overwrite each other.
        "args": ["backup", instance.name, "--namespace", instance.namespace, "--to", f"{place}/$(POD_NAME)"],
        "env": _environment(schedule),
        "resources": builders.resources(None, _REQUESTS, _LIMITS),
        "securityContext": builders.container_security_context(None) | {"readOnlyRootFilesystem": True},
        "volumeMounts": mounts,
    }
    return {
        "serviceAccountName": names.backup(instance.name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "affinity": {"nodeAffinity": workloads.LINUX_NODES},
        "restartPolicy": "Never",
        "securityContext": builders.pod_security_context(instance, None),
        "containers": [container],
        "volumes": volumes,
    }


def _environment(schedule: BackupSchedule) -> list[Obj]:
    """The variables of the command. Only these keys of the Secret are used: others could change what Python runs."""
    required = (PASSPHRASE, *(CREDENTIALS if schedule.place else ()))
    result = [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    result += [builders.env_secret(key, schedule.secret, key) for key in required]
    for variable, key in OPTIONAL_KEYS.items() if schedule.place else ():
        reference = {"name": schedule.secret, "key": key, "optional": True}
        result.append({"name": variable, "valueFrom": {"secretKeyRef": reference}})
    return result


def _labels(instance: Instance) -> dict[str, str]:
    """Labels of all objects. Selectors of Services and NetworkPolicies of the instance do not match them."""
    return {"app": instance.name, "component": NAME, "app.kubernetes.io/name": f"cryostat-{NAME}"}
