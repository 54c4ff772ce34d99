"""Adoption of running instances of the Go operator: no data is lost, no pod restarts twice.

The captured cases of `ADOPTED` are created in clusters. Then this operator is started, stopped and started again.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import KINDS, Key, key_of
from tests.cluster import openshift
from tests.cluster.api import Api, Object, condition
from tests.cluster.cert_manager import CertManager
from tests.cluster.controlplane import NODE, ControlPlane, Options
from tests.cluster.go_operator import FINALIZER, GoOperatorInstance
from tests.cluster.operator_process import CRD, ROOT, install
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario, Write, bindings_of, callback_of, ownership_labels, version
from tests.conformance.adopted import ADOPTED
from tests.conformance.captures import captured_status
from tests.conformance.compare import Differences, compare

pytestmark = pytest.mark.timeout(900)  # setting up all cases of a profile takes minutes on a slow machine
PROFILES = sorted({profile for _, profile in ADOPTED})
# Other clients set these on every object.
OTHERS = {"labels": {"example.com/wing": "b"}, "annotations": {"example.com/note": "n"}}
RESTARTED = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
FORMER = "of-an-older-spec"  # a label that the Go operator set and never removes
PORTS: Object = {"ports": [{"name": "http", "port": 80}]}

Snapshot = dict[Key, Object]


@dataclass
class Case:
    """One instance before, after, and after the operator was stopped."""

    predecessor: GoOperatorInstance
    before: Snapshot = field(default_factory=dict)
    after: Snapshot = field(default_factory=dict)

    @property
    def cr(self) -> Object:
        return self.after[key_of(self.predecessor.manifest)]

    @property
    def not_needed(self) -> set[Key]:
        """The ClusterRoleBinding, except on OpenShift: only OpenShift's proxy reviews tokens and permissions."""
        if self.predecessor.profile.startswith("openshift"):
            return set()
        return {key for key in self.before if key.kind == "ClusterRoleBinding"}

    @property
    def needed(self) -> list[Object]:
        """Objects that the Go operator created itself and this operator needs, too."""
        return [obj for obj in self.predecessor.created if key_of(obj) not in self.not_needed]


class TakenOver(NamedTuple):
    """All cases of one profile."""

    cases: dict[str, Case]
    first: list[Write]  # writes of the operator during the adoption
    second: list[Write]  # writes after the second start


@contextmanager
def cluster(platform: str) -> Iterator[ControlPlane]:
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(Options(volumes=0, endpoints=False)))
        if platform == "openshift":
            openshift.install(plane.api)
            stack.enter_context(Router(plane.api))
        install(plane.api)
        # Some cases ask for nodes like this one.
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        plane.api.patch(node, {"metadata": {"labels": {"node": "good", "disk": "ssd"}}})
        room = {"ephemeral-storage": "100Gi"}
        plane.api.patch(node, {"status": {"capacity": room, "allocatable": room}}, sub="status")
        yield plane


@pytest.fixture(scope="module")
def outcomes() -> dict[str, TakenOver | BaseException]:
    """Results of the profiles. Their clusters are already deleted."""
    return {}


@pytest.fixture
def taken_over(
    profile: str, outcomes: dict[str, TakenOver | BaseException], tmp_path_factory: pytest.TempPathFactory
) -> TakenOver:
    if profile not in outcomes:
        outcomes |= adopt_profiles(profile.partition("-")[0], tmp_path_factory)
    found = outcomes[profile]
    if isinstance(found, BaseException):
        raise found
    return found


def adopt_profiles(platform: str, directories: pytest.TempPathFactory) -> dict[str, TakenOver | BaseException]:
    """Adopt the cases of all profiles of a platform, one profile after the other. Those with cert-manager are last."""
    profiles = [profile for profile in PROFILES if profile.partition("-")[0] == platform]
    outcomes: dict[str, TakenOver | BaseException] = {}
    try:
        with cluster(platform) as plane, ExitStack() as stack:
            for profile in profiles:
                if profile.endswith("-certmanager"):
                    stack.enter_context(CertManager(plane))
                outcomes[profile] = adopt_objects(plane, profile, directories.mktemp(profile))
    except (Exception, pytest.fail.Exception) as error:
        outcomes |= {profile: error for profile in profiles if profile not in outcomes}
    return outcomes


def adopt_objects(plane: ControlPlane, profile: str, directory: Path) -> TakenOver:
    cases = {case: Case(GoOperatorInstance(plane.api, case, profile, FORMER)) for case, of in ADOPTED if of == profile}
    for case in cases.values():
        case.predecessor.create()
        add_foreign_metadata(case.predecessor)
    for case in cases.values():
        case.predecessor.wait_until_complete()
    for case, found in zip(cases.values(), snapshots(plane.api, cases), strict=True):
        case.before = found
    tls = "false" if profile.endswith("-certmanager") else "true"
    scenario = Scenario(plane, directory, {"DISABLE_SERVICE_TLS": tls})
    try:
        done = TakenOver(cases, first(scenario, cases), second(scenario))
        for case in cases.values():  # the operator of the next profile must not change them
            scenario.annotate(case.cr, **{constants.ANNOTATION_PAUSE: "true"})
        return done
    finally:
        if scenario.operator:
            print(scenario.operator.tail(400))
        scenario.stop()


def first(scenario: Scenario, cases: dict[str, Case]) -> list[Write]:
    mark = scenario.plane.audit_mark()
    scenario.start()
    for case in cases.values():
        scenario.wait_until_ready(case.predecessor.manifest, 300)
    scenario.wait_until_idle(120)
    for case, found in zip(cases.values(), snapshots(scenario.api, cases), strict=True):
        case.after = found
    return scenario.writes(mark)


def second(scenario: Scenario) -> list[Write]:
    scenario.stop()
    mark = scenario.plane.audit_mark()
    scenario.start()
    scenario.wait_until_idle(120)
    return [write for write in scenario.writes(mark) if write.resource != "leases"]  # without the Lease


def snapshots(api: Api, cases: dict[str, Case]) -> list[Snapshot]:
    """For each case, every object in its namespaces, and cluster-scoped objects with its name."""
    kinds = [(kind.api_version, kind.kind) for kind in KINDS.values()]
    objects: list[Object] = []
    for group, kind in [*kinds, ("apps/v1", "ReplicaSet"), (constants.API_VERSION, constants.KIND)]:
        with suppress(LookupError):  # not served here
            objects += api.list(group, kind)
    return [snapshot(objects, case.predecessor) for case in cases.values()]


def snapshot(objects: list[Object], predecessor: GoOperatorInstance) -> Snapshot:
    shared, namespaces = bindings_of(predecessor.manifest), {*predecessor.namespaces}
    keyed = {key_of(obj): obj for obj in objects}
    return {key: obj for key, obj in keyed.items() if key.namespace in namespaces or key.name == shared}


def add_foreign_metadata(predecessor: GoOperatorInstance) -> None:
    """Metadata that other clients added to the objects of an instance, and objects of older specs."""
    api, cr = predecessor.api, predecessor.cryostat
    for obj in predecessor.created:
        added: Object = {"metadata": OTHERS}
        if obj["kind"] == "Deployment":  # It was created paused, so its pods start once.
            added["spec"] = {"paused": None, "template": {"metadata": {"annotations": RESTARTED}}}
        api.patch(obj, added)
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": former_target(cr)}})
    for obj in obsolete_objects(cr):
        predecessor.make(obj, cr)
    for obj in user_objects(cr):
        api.create(obj)


def former_target(cr: Object) -> str:
    """A former target namespace."""
    return f"{cr['metadata']['namespace']}-gone"


def obsolete_objects(cr: Object) -> list[Object]:
    """Objects that the Go operator does not delete, or did not delete yet."""
    name, where = cr["metadata"]["name"], cr["metadata"]["namespace"]
    owned = {"namespace": where, "ownerReferences": [{"kind": constants.KIND, "name": name, "controller": True}]}
    marked = {"namespace": former_target(cr), "labels": ownership_labels(cr)}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    return [
        {"apiVersion": version("Role"), "kind": "Role", "metadata": {"name": name, **owned}, "rules": []},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-former", **owned}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{name}-former", **owned}, "spec": PORTS},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": callback_of(cr), **marked}, "spec": PORTS},
        {"apiVersion": version("RoleBinding"), "kind": "RoleBinding", "roleRef": role,
         "metadata": {"name": bindings_of(cr), **marked}},
    ]  # fmt: skip


def user_objects(cr: Object) -> list[Object]:
    """Objects of users beside an instance. One of them has an owner reference to the Cryostat."""
    name, where = cr["metadata"]["name"], cr["metadata"]["namespace"]
    follows = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "name": name, "uid": cr["metadata"]["uid"]}
    head: Object = {"apiVersion": "v1", "metadata": {"name": f"{name}-theirs", "namespace": where}}
    going = {**head["metadata"], "ownerReferences": [follows]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    return [
        {**head, "kind": "ConfigMap"},
        {**head, "kind": "Secret", "metadata": going},
        {**head, "kind": "Service", "spec": PORTS},
        {"apiVersion": version("RoleBinding"), "kind": "RoleBinding", "roleRef": role,
         "metadata": {"name": f"{name}-theirs", "namespace": former_target(cr)}},
    ]  # fmt: skip


every = pytest.mark.parametrize(("profile", "case"), [(p, c) for c, p in ADOPTED])


@every
def test_no_object_is_created_again(taken_over: TakenOver, case: str) -> None:
    it = taken_over.cases[case]
    kept = [obj for obj in it.predecessor.captured if key_of(obj) not in it.not_needed]
    before, after = uids(it.before, kept), uids(it.after, kept)
    assert before == after


@every
def test_data_in_volumes_stays_readable(taken_over: TakenOver, case: str) -> None:
    it = taken_over.cases[case]
    keys = {"CONNECTION_KEY", "ENCRYPTION_KEY", "ACCESS_KEY", "SECRET_KEY", "OAUTH2_PROXY_COOKIE_SECRET"}
    keys |= {"KEYSTORE_PASS", "tls.key"}
    before, after = values(it.before, keys), values(it.after, keys)
    assert before
    assert {name: after[name] for name in before} == before
    claims = [obj for key, obj in it.after.items() if key.kind == "PersistentVolumeClaim"]
    assert all(claim["status"]["phase"] == "Bound" for claim in claims)


@every
def test_the_adopted_instance_equals_a_new_one(taken_over: TakenOver, case: str) -> None:
    """Fields that only the Go operator sets are removed, including a label of an older spec."""
    it = taken_over.cases[case]
    marked = [
        without_foreign_metadata(obj)
        for obj in it.after.values()
        if ownership_labels(it.cr).items() <= labels(obj).items()
    ]
    mine = [obj for obj in marked if obj["kind"] != "ReplicaSet"]
    wanted = it.predecessor.captured
    for obj in wanted:
        if obj["kind"] == "Certificate" and "keystores" in obj["spec"]:
            del obj["spec"]["keystores"]["pkcs12"]["profile"]  # this release of cert-manager does not know it
    assert compare(wanted, mine, Differences.load()) == []


@every
def test_metadata_of_other_owners_is_kept(taken_over: TakenOver, case: str) -> None:
    it = taken_over.cases[case]
    for obj in it.needed:
        metadata = it.after[key_of(obj)]["metadata"]
        assert OTHERS["labels"].items() <= metadata["labels"].items(), obj
        assert OTHERS["annotations"].items() <= metadata["annotations"].items(), obj
        assert FORMER not in metadata["labels"], obj
    for obj in user_objects(it.cr):
        assert it.after[key_of(obj)]["metadata"]["uid"] == it.before[key_of(obj)]["metadata"]["uid"]


@every
def test_pods_restart_once_at_most(taken_over: TakenOver, case: str) -> None:
    it = taken_over.cases[case]
    before, after = generations(it.before), generations(it.after)
    assert before
    assert {name: count - before[name] for name, count in after.items() if count - before[name] > 1} == {}
    templates = [obj["spec"]["template"]["metadata"] for obj in it.after.values() if obj["kind"] == "Deployment"]
    assert all(RESTARTED.items() <= template["annotations"].items() for template in templates)


@every
def test_obsolete_objects_are_deleted(taken_over: TakenOver, case: str) -> None:
    it = taken_over.cases[case]
    gone = {key for key in it.before if key not in it.after and key.kind != "ReplicaSet"}
    assert gone == {key_of(obj) for obj in obsolete_objects(it.cr)} | it.not_needed


@every
def test_an_interrupted_adoption_is_continued(taken_over: TakenOver, case: str) -> None:
    """The ServiceAccount, whose labels mark a complete adoption, is labeled last."""
    it = taken_over.cases[case]
    name, where = it.cr["metadata"]["name"], it.cr["metadata"]["namespace"]
    updates = [(w.resource, w.name) for w in taken_over.first if w.verb == "update" and w.namespace == where]
    alone = {("roles", name), ("configmaps", f"{name}-former"), ("services", f"{name}-former")}
    assert alone < set(updates[: updates.index(("serviceaccounts", name))])


@every
def test_the_go_operator_can_adopt_the_instance_again(taken_over: TakenOver, case: str) -> None:
    """The objects of both operators have their names, and the Go operator can write them."""
    it = taken_over.cases[case]
    assert it.cr["metadata"]["finalizers"] == [FINALIZER]
    for obj in it.needed:
        before, after = it.before[key_of(obj)], it.after[key_of(obj)]
        assert after["metadata"].get("ownerReferences") == before["metadata"].get("ownerReferences")
        for path in KINDS[obj["kind"]].immutable:
            assert value_at(after, path) == value_at(before, path), f"{key_of(obj)}: {path}"
    said = captured_status(case, it.predecessor.profile)
    now = it.cr["status"]
    assert [now.get(k) for k in RECORDED] == [said.get(k) for k in RECORDED]
    # Scripts and dashboards may read each condition of the Go operator.
    types = {each["type"] for each in said["conditions"]}
    assert types - {each["type"] for each in now["conditions"]} == set()
    tls = [condition(each, "TLSSetupComplete")["reason"] for each in (it.cr, {"status": said})]
    assert tls[0] == tls[1]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_second_start_writes_nothing(taken_over: TakenOver) -> None:
    assert taken_over.first
    assert taken_over.second == []


def test_a_definition_of_another_installation_is_replaced(installed_plane: ControlPlane) -> None:
    """For example OLM, which adds no last-applied annotation and registers its own Service for the conversion."""
    api = installed_plane.api
    wanted = yaml.safe_load((ROOT / "crds/operator.cryostat.io_cryostats.yaml").read_text())
    theirs = copy.deepcopy(wanted)
    theirs["metadata"] |= api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)["metadata"]
    theirs["metadata"]["annotations"] = {}
    service = {"namespace": "openshift-operators", "name": "their-service", "path": "/convert", "port": 443}
    theirs["spec"]["conversion"]["webhook"]["clientConfig"] = {"service": service}
    api.replace(theirs)
    installed_plane.kubectl("apply", "-f", ROOT / "crds")
    now = api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)["spec"]
    config = now["conversion"]["webhook"]["clientConfig"]
    assert config["service"] == wanted["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
    assert [version["name"] for version in now["versions"]] == [v["name"] for v in wanted["spec"]["versions"]]


RECORDED = ("databaseSecret", "targetNamespaces")


def uids(snapshot: Snapshot, objects: list[Object]) -> dict[Key, str]:
    return {key_of(obj): snapshot[key_of(obj)]["metadata"]["uid"] for obj in objects}


def values(snapshot: Snapshot, keys: set[str]) -> dict[tuple[Key, str], str]:
    secrets = [(key, obj.get("data") or {}) for key, obj in snapshot.items() if key.kind == "Secret"]
    return {(key, name): value for key, data in secrets for name, value in data.items() if name in keys}


def generations(snapshot: Snapshot) -> Counter[str]:
    """How many ReplicaSets each Deployment has had."""
    sets = [obj for key, obj in snapshot.items() if key.kind == "ReplicaSet"]
    return Counter(obj["metadata"]["ownerReferences"][0]["name"] for obj in sets)


def labels(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def without_foreign_metadata(obj: Object) -> Object:
    """The object without metadata of other clients."""
    obj = copy.deepcopy(obj)
    metadata = [obj["metadata"]]
    if obj["kind"] == "Deployment":
        metadata.append(obj["spec"]["template"]["metadata"])
    for each in metadata:
        for field_, added in (*OTHERS.items(), ("annotations", RESTARTED)):
            kept = {k: v for k, v in (each.pop(field_, None) or {}).items() if k not in added}
            each |= {field_: kept} if kept else {}
    return obj


def value_at(obj: Object, path: str) -> object:
    found: object = obj
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
