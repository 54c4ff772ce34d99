"""Which images are rolled onto existing data, and what the claim records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.images import CRYOSTAT_VERSION, IMAGES
from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.upgrades import Versions, postgresql_version, recorded, refusal
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat, find, settled

CLAIM = Key("PersistentVolumeClaim", NAMESPACE, "sample-database")
DIGEST = "@sha256:" + "0" * 64


def settings(core: str, database: str = "") -> Settings:
    images = {"RELATED_IMAGE_CORE": f"quay.io/cryostat/cryostat{core}", "DISABLE_SERVICE_TLS": "true"}
    return Settings.from_env(images | {"RELATED_IMAGE_DATABASE": f"quay.io/cryostat/cryostat-db{database or core}"})


def used_with(record: str, core: str = ":4.2.0", database: str = "", **annotations: str) -> ClusterState:
    """An instance whose claim has a record, and an operator with these images."""
    metadata = {"annotations": {f"{constants.GROUP}/{key.replace('_', '-')}": v for key, v in annotations.items()}}
    state = ClusterState(cryostat({}, **metadata), settings=settings(":4.2.0")).settle()
    claim = state.snapshot.live[CLAIM]
    own = {constants.ANNOTATION_DATABASE_RELEASE: record} if record else {}
    state.with_live({**claim, "metadata": {**claim["metadata"], "annotations": own}})
    state.settings = settings(core, database)
    return state


def record_of(state: ClusterState) -> str | None:
    annotations: dict[str, str] = find(state.plan, *CLAIM[0::2])["metadata"].get("annotations") or {}
    return annotations.get(constants.ANNOTATION_DATABASE_RELEASE)


def conditions(state: ClusterState, **report: Any) -> dict[str, Obj]:
    found = status_for(state.instance, state.plan, Report(**report), "now")["conditions"]
    return {each["type"]: each for each in found}


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("quay.io/cryostat/cryostat-db:4.2.0", 16),
        ("quay.io/cryostat/cryostat-db:4.0.0", 16),
        ("quay.io/cryostat/cryostat-db:3.0.1", 15),
        (f"registry.redhat.io/cryostat/cryostat-db-rhel9:4.1{DIGEST}", 16),
        ("quay.io/cryostat/cryostat-db:9.0.0", None),
        ("quay.io/cryostat/cryostat-db:latest", None),
        (f"quay.io/cryostat/cryostat-db{DIGEST}", None),
        ("quay.io/cryostat/cryostat-db:2024.12", None),
        ("docker.io/library/postgres:15.4", None),
        ("", None),
    ],
)
def test_the_version_of_postgresql_in_an_image(reference: str, version: int | None) -> None:
    assert postgresql_version(reference) == version


def test_the_images_of_this_operator_are_known() -> None:
    """A release with another image of the database needs a row in the table."""
    assert postgresql_version(IMAGES["database"][1])
    assert CRYOSTAT_VERSION in IMAGES["database"][1]


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("cryostat=4.2,postgresql=16", Versions((4, 2), 16)),
        ("postgresql=16", Versions(None, 16)),
        ("cryostat=4.2", Versions((4, 2), None)),
        ("", Versions()),
        ("cryostat=x,postgresql=y", Versions()),
        (",,=,cryostat,postgresql=1²", Versions()),
    ],
)
def test_records_are_read(text: str, versions: Versions) -> None:
    assert recorded({"metadata": {"annotations": {constants.ANNOTATION_DATABASE_RELEASE: text}}}) == versions
    assert recorded(None) == Versions()


@pytest.mark.parametrize(
    ("record", "core", "database"),
    [
        ("cryostat=4.2,postgresql=16", ":4.2.0", ""),
        ("cryostat=4.1,postgresql=16", ":4.2.0", ""),
        ("", ":4.0.0", ""),  # the Go operator records nothing
        ("", ":4.2.0", ":3.0.0"),
        ("cryostat=4.2,postgresql=16", ":latest", ""),
        ("cryostat=4.2,postgresql=16", DIGEST, ""),
        ("cryostat=2024.12,postgresql=16", ":4.2.0", ""),
        ("cryostat=4.2,postgresql=16", ":20.4.0", ":2024.12"),
    ],
)
def test_these_images_are_rolled_out(record: str, core: str, database: str) -> None:
    state = used_with(record, core, database)
    assert refusal(state.instance) is None
    assert Key("Deployment", NAMESPACE, "sample") in state.plan.objects
    assert "UpgradeAllowed" not in conditions(state)


def test_a_downgrade_changes_no_deployment() -> None:
    state = used_with("cryostat=4.2,postgresql=16", ":4.1.0")
    for key, live in state.snapshot.live.items():
        if key.kind == "Deployment":
            assert state.plan.objects[key]["spec"]["template"] == live["spec"]["template"]
    found = conditions(state)
    for kind in ("UpgradeAllowed", "Reconciled", "Ready"):
        assert (found[kind]["status"], found[kind]["reason"]) == ("False", "DowngradeNotConfirmed"), kind
    message = found["UpgradeAllowed"]["message"]
    for words in ("Cryostat here/sample", "from release 4.2 to 4.1", "sample-database", 'allow-downgrade: "4.1"'):
        assert words in message
    assert record_of(state) == "cryostat=4.2,postgresql=16"


def held(name: str = "sample", **changes: Any) -> tuple[ClusterState, Obj]:
    """A refused downgrade, and the live Deployment with changes of its spec."""
    state = used_with("cryostat=4.2,postgresql=16", ":4.1.0")
    live = state.snapshot.live[Key("Deployment", NAMESPACE, name)]
    live = {**live, "spec": {**live["spec"], **changes}}
    state.with_live(live)
    return state, live


def images(deployment: Obj) -> dict[str, str]:
    pod = deployment["spec"]["template"]["spec"]
    return {each["name"]: each["image"] for each in (*pod.get("initContainers", ()), *pod["containers"])}


def test_everything_but_the_images_of_a_held_deployment_is_repaired() -> None:
    state, live = held(replicas=0)
    pod = live["spec"]["template"]["spec"]
    first = {**pod["containers"][0], "env": [], "image": "quay.io/cryostat/cryostat:4.2.0"}
    template = {**live["spec"]["template"], "spec": {**pod, "containers": [first, *pod["containers"][1:]]}}
    state, live = held(replicas=0, template=template)
    planned = find(state.plan, "Deployment", "sample")
    assert planned["spec"]["replicas"] == 1
    assert planned["spec"]["template"]["spec"]["containers"][0]["env"]
    assert images(planned) == images(live)


def test_a_held_deployment_gets_new_content_of_secrets() -> None:
    state, _ = held()
    before = find(state.plan, "Deployment", "sample-database")
    state.with_data("Secret", "sample-db", "CONNECTION_KEY", "ENCRYPTION_KEY", digest="other")
    planned = find(state.plan, "Deployment", "sample-database")
    assert planned["spec"]["template"]["metadata"] != before["spec"]["template"]["metadata"]
    assert images(planned) == images(before)


def test_an_instance_that_wakes_up_runs_its_former_images() -> None:
    for name in ("sample", "sample-database"):
        state, live = held(name, replicas=0)
        planned = find(state.plan, "Deployment", name)
        assert planned["spec"]["replicas"] == 1
        assert images(planned) == images(live)
        assert conditions(state)["UpgradeAllowed"]["reason"] == "DowngradeNotConfirmed"


@pytest.mark.parametrize("name", ["sample", "sample-database"])
def test_a_deployment_whose_former_images_are_not_known_is_not_written(name: str) -> None:
    key = Key("Deployment", NAMESPACE, name)
    state, live = held(name)
    state.snapshot = replace(state.snapshot, live={k: obj for k, obj in state.snapshot.live.items() if k != key})
    assert key in state.plan.blocked
    assert conditions(state)["Ready"]["reason"] == "DowngradeNotConfirmed"
    pod = {**live["spec"]["template"]["spec"], "containers": [{"name": "x", "image": "x"}]}
    state, _ = held(name, template={**live["spec"]["template"], "spec": pod})
    assert key in state.plan.blocked


def test_a_new_container_has_the_image_of_the_held_ones() -> None:
    """Bundles of certificates are split by a container with the image of the application."""
    state = used_with("cryostat=4.2,postgresql=16", ":4.1.0")
    live = state.snapshot.live
    state.with_spec({"trustedCertSecrets": [{"secretName": "ca"}]}).with_data("Secret", "ca", "ca.crt", "tls.crt")
    planned = images(find(state.plan, "Deployment", "sample"))
    assert len(planned) == len(images(live[Key("Deployment", NAMESPACE, "sample")])) + 1
    assert not any(":4.1.0" in image for image in planned.values())


@pytest.mark.parametrize(("confirmed", "allowed"), [("4.1", True), ("4.0", False), ("true", False), ("4.1.0", False)])
def test_an_annotation_with_the_older_release_confirms_a_downgrade(confirmed: str, allowed: bool) -> None:
    state = used_with("cryostat=4.2,postgresql=16", ":4.1.0", allow_downgrade=confirmed)
    assert (refusal(state.instance) is None) is allowed
    assert record_of(state) == f"cryostat={'4.1' if allowed else '4.2'},postgresql=16"


def test_another_major_version_of_postgresql_cannot_be_confirmed() -> None:
    state = used_with("cryostat=3.0,postgresql=15", ":4.2.0", allow_downgrade="4.2")
    found = conditions(state)["UpgradeAllowed"]
    assert found["reason"] == "DatabaseVersionMismatched"
    assert "holds data of PostgreSQL 15" in found["message"]
    assert record_of(state) == "cryostat=3.0,postgresql=15"


def test_without_a_claim_nothing_is_checked() -> None:
    state = used_with("cryostat=4.2,postgresql=16", ":4.1.0")
    state.snapshot = replace(
        state.snapshot, live={key: obj for key, obj in state.snapshot.live.items() if key != CLAIM}
    )
    assert refusal(state.instance) is None


def test_an_instance_that_hibernates_is_scaled_with_its_former_images() -> None:
    state = used_with("cryostat=4.2,postgresql=16", ":4.1.0", hibernation="on")
    planned = find(state.plan, "Deployment", "sample")
    live = state.snapshot.live[Key("Deployment", NAMESPACE, "sample")]
    assert planned["spec"]["replicas"] == 0
    assert planned["spec"]["template"] == live["spec"]["template"]


def test_a_release_that_has_not_run_is_not_recorded() -> None:
    before = "cryostat=4.1,postgresql=16"
    state = used_with(before, ":4.2.0", hibernation="on")
    assert record_of(state) == before
    assert record_of(used_with(before, ":4.2.0")) == "cryostat=4.2,postgresql=16"


def test_authors_cannot_write_the_record() -> None:
    key = constants.ANNOTATION_DATABASE_RELEASE
    own = {"storageOptions": {"database": {"pvc": {"annotations": {key: "cryostat=1.0", "own": "x"}}}}}
    annotations = find(settled(own).plan, *CLAIM[0::2])["metadata"]["annotations"]
    assert annotations == {"own": "x"}


def test_versions_in_words() -> None:
    assert Versions((4, 2), 16).title == "Cryostat 4.2, PostgreSQL 16"
    assert Versions().title == "Cryostat of an unknown release, unknown PostgreSQL"
