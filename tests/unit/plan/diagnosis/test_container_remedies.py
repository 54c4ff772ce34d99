"""What to do about containers that cannot be started, or end with an error."""

from __future__ import annotations

import pytest

from tests.unit.plan.diagnosis.pods import crashed, failure, pod


@pytest.mark.parametrize(
    ("container", "words", "remedy"),
    [
        ("x-db", "something else", "Create or correct what the message names; the kubelet tries again by itself"),
        ("x-db", 'secret "s" not found', "Create Secret s"),
        ("x-db", "couldn't find key k.1 in Secret a/s", "Add key k.1 to Secret s"),
        ("x-db", "couldn't find key k_1 in ConfigMap a/c.d", "Add key k_1 to ConfigMap c.d"),
        (
            "x-db",
            'secret "x-storage" not found',
            "The operator creates Secret x-storage again; if it is still missing, another condition has the cause",
        ),
        (
            "x-db",
            'configmap "x-lock" not found',
            "The operator creates ConfigMap x-lock again; if it is still missing, another condition has the cause",
        ),
        (
            "x-db",
            "container's runAsUser breaks non-root policy",
            "Set runAsUser in spec.securityOptions to a number other than 0, or use an image with such a user",
        ),
        (
            "x-db",
            'exec: "a": no such file or directory',
            "Set RELATED_IMAGE_DATABASE of the operator to an image of this release",
        ),
        (
            "istio-proxy",
            'secret "s" not found',
            "Create Secret s; a webhook or policy of the cluster added this container",
        ),
        (
            "istio-proxy",
            "couldn't find key k in Secret a/s",
            "Add key k to Secret s; a webhook or policy of the cluster added this container",
        ),
        (
            "istio-proxy",
            "something else",
            "Correct what the message names; a webhook or policy of the cluster added this container",
        ),
    ],
)
def test_the_remedy_for_a_container_that_cannot_be_started_follows_its_message(
    container: str, words: str, remedy: str
) -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": words}
    assert failure(pod({"name": container, "state": {"waiting": waiting}})).remedy == remedy


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        (1, "exec /a: exec format error", "Set RELATED_IMAGE_DATABASE of the operator to an image for the platform"),
        (255, "", "See kubectl logs -n here deployment/x-database -c x-db; if it contains `exec format error`, set"),
        (255, "other", "See kubectl logs -n here deployment/x-database -c x-db"),
        (1, "", "See kubectl logs -n here deployment/x-database -c x-db"),
        (3, "java.lang.OutOfMemoryError: Metaspace", "Raise spec.resources.databaseResources.limits.memory"),
        (3, "java.lang.OutOfMemoryError: unable to create native thread", "See kubectl logs -n here"),
        (1, "disk quota exceeded", "If its volume is full, raise the size in spec.storageOptions.database"),
        (1, "Read-only file system", "Remove readOnlyRootFilesystem from spec.securityOptions if it is set"),
        (1, "Permission denied", "If its volume cannot be written, give group 7 write access to it; otherwise see"),
    ],
)
def test_the_remedy_for_a_container_that_ends_follows_its_last_message(code: int, words: str, remedy: str) -> None:
    found = pod(crashed(code, words))
    found["spec"]["securityContext"] = {"fsGroup": 7}
    assert failure(found).remedy.startswith(remedy)


def test_the_last_message_of_a_container_of_another_owner_does_not_lead_to_a_field() -> None:
    found = failure(pod({**crashed(1, "Permission denied"), "name": "istio-proxy"}))
    assert found.remedy.startswith("A webhook or policy of the cluster added this container; see kubectl logs")


def test_a_container_without_a_volume_has_no_field_with_its_size() -> None:
    found = failure(pod(crashed(1, "no space left on device"), component="cryostat"))
    assert found.remedy.startswith("See kubectl logs -n here deployment/x -c x-db")
