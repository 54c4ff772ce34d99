"""The objects of the installation, their labels, and the order in which they are created."""

from __future__ import annotations

from cryostat_operator.packaging import install, install_names
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.packaging.permissions import allowed


def installed() -> list[Obj]:
    return [obj for objects in install.installation().values() for obj in objects]


def test_every_object_has_the_labels() -> None:
    for obj in installed():
        assert obj["metadata"]["labels"].items() >= dict(install_names.LABELS).items(), obj["metadata"]


def test_only_the_operator_may_write_the_status() -> None:
    """The status records the reviewed namespaces."""
    writers = [
        obj["metadata"]["name"]
        for obj in installed()
        if obj["kind"] in ("ClusterRole", "Role")
        and allowed(obj["rules"], "operator.cryostat.io", "cryostats/status") - {"get"}
    ]
    assert writers == [install_names.CLUSTER_ROLE]


def test_objects_are_created_before_those_that_refer_to_them() -> None:
    """`kubectl apply -f manifests` reads the files in the order of their names."""
    assert list(install.installation()) == sorted(install.installation())
    created: set[tuple[str, str]] = set()
    for obj in installed():
        metadata = obj["metadata"]
        namespace, role = metadata.get("namespace"), obj.get("roleRef", {})
        assert not namespace or ("Namespace", namespace) in created, metadata
        assert not role or (role["kind"], role["name"]) in created, metadata
        assert all((each["kind"], each["name"]) in created for each in obj.get("subjects", ())), metadata
        created.add((obj["kind"], metadata["name"]))
    assert ("Deployment", install_names.DEPLOYMENT) in created


def test_optional_objects_are_in_folders_of_their_own() -> None:
    """`kubectl apply -f manifests` does not read them."""
    files = {path.relative_to("manifests") for path in install.files_of_install()}
    assert {path.name for path in files if len(path.parts) == 1} == set(install.installation())
    assert {path.parts[0] for path in files if len(path.parts) > 1} == {"gitops", "monitoring", "policies"}
