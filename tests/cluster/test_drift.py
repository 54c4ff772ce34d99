"""Changes of the objects of an instance are reverted; additions of other clients are kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import PATCH_TYPES, Object, condition, eventually
from tests.cluster.scenario import Scenario, bindings_of, callback_of, ownership_labels

BACKEND = {"service": {"name": "x", "port": {"number": 4180}}}
PATHS = {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}
INGRESS = {"rules": [{"host": "cryostat.example.com", "http": PATHS}]}


class Instance(NamedTuple):
    """A Cryostat with an object of every kind. The tests of this file share it."""

    scenario: Scenario
    cr: Object
    target: str

    def place(self, kind: str, name: str) -> tuple[str, str, str]:
        """The kind, namespace and name of an object such as `RoleBinding binding` or `Deployment x-database`."""
        where = {"binding": self.target, "callback": self.target}.get(name, self.cr["metadata"]["namespace"])
        real = {"binding": bindings_of(self.cr), "callback": callback_of(self.cr)}.get(name, name)
        return kind, where, real


@pytest.fixture(scope="module")
def instance(_file_scenario: Scenario) -> Iterator[Instance]:
    where, target = _file_scenario.namespace("drift"), _file_scenario.namespace("drift-target")
    cr = _file_scenario.cryostat(
        where,
        targetNamespaces=[where, target],
        reportOptions={"replicas": 1},
        networkOptions={"coreConfig": {"ingressSpec": INGRESS, "labels": {"team": "a"}, "annotations": {"tier": "1"}}},
        operandMetadata={"podMetadata": {"labels": {"wing": "w"}, "annotations": {"note": "n"}}},
    )
    _file_scenario.wait_until_ready(cr)
    yield Instance(_file_scenario, cr, target)
    _file_scenario.clean()


OBJECTS = [
    ("ServiceAccount", "x"), ("Secret", "x-storage"), ("Secret", "x-basic-auth"), ("ConfigMap", "x-agent-proxy"),
    ("ConfigMap", "x-lock"), ("Service", "x"), ("Service", "callback"), ("NetworkPolicy", "x-internal-ingress"),
    ("Ingress", "x"), ("RoleBinding", "binding"), ("Deployment", "x"),
    ("Deployment", "x-reports"),
]  # fmt: skip
each = pytest.mark.parametrize(("kind", "name"), OBJECTS, ids=[f"{kind}-{name}" for kind, name in OBJECTS])


def spec_hash(obj: Object) -> Object:
    """An object without identity and without metadata that the API server sets."""
    obj = copy.deepcopy({key: value for key, value in obj.items() if key not in ("status", "apiVersion", "kind")})
    for key in ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"):
        obj["metadata"].pop(key, None)
    for key in ("deployment.kubernetes.io/revision", constants.ANNOTATION_SHARED_SECRET_HASH):
        (obj["metadata"].get("annotations") or {}).pop(key, None)
    if "data" in obj and "type" in obj:  # a Secret that is generated again has other values
        obj["data"] = sorted(obj["data"])
    template = (obj.get("spec") or {}).get("template")
    if template:
        template["metadata"]["annotations"].pop("io.cryostat/secret-hash")
    for key in ("clusterIP", "clusterIPs", "nodePort"):
        if (obj.get("spec") or {}).get(key) != "None":
            (obj.get("spec") or {}).pop(key, None)
    for port in (obj.get("spec") or {}).get("ports") or ():
        port.pop("nodePort", None)
    return obj


def repaired(instance: Instance, kind: str, name: str, disturb: Callable[[Object], Any]) -> Object:
    """Change an object, wait until it is restored, and return it."""
    place = instance.place(kind, name)
    before = eventually(lambda: instance.scenario.get(*place), what=f"{place} exists")
    version = before["metadata"]["resourceVersion"]
    disturb(before)

    def recreated() -> Object | None:
        after = instance.scenario.get(*place)
        assert spec_hash(after) == spec_hash(before)
        return after if after["metadata"]["resourceVersion"] != version else None

    return eventually(recreated, what=f"{kind} {name} is restored") or {}


@each
def test_a_deleted_object_is_created_again(instance: Instance, kind: str, name: str) -> None:
    uid = instance.scenario.get(*instance.place(kind, name))["metadata"]["uid"]
    after = repaired(instance, kind, name, lambda obj: instance.scenario.api.delete(obj, propagation="Background"))
    assert after["metadata"]["uid"] != uid


@each
def test_removed_ownership_labels_are_restored(instance: Instance, kind: str, name: str) -> None:
    gone = dict.fromkeys(ownership_labels(instance.cr))
    repaired(instance, kind, name, lambda obj: instance.scenario.api.patch(obj, {"metadata": {"labels": gone}}))


# Objects without content have no fields of the operator left.
BARE = [("ServiceAccount", "x"), ("ConfigMap", "x-lock")]


@pytest.mark.parametrize(("kind", "name"), sorted(set(OBJECTS) - set(BARE)))
def test_an_object_without_labels_and_owner_is_recognized_by_its_field_manager(
    instance: Instance, kind: str, name: str
) -> None:
    scenario, place = instance.scenario, instance.place(kind, name)
    before = scenario.get(*place)
    bare: Object = {"labels": None, "annotations": None, "ownerReferences": None}
    if kind in ("Secret", "Deployment"):
        scenario.api.patch(before, {"metadata": bare})
    else:
        with scenario.stopped():
            scenario.api.patch(before, {"metadata": bare})

    def dressed() -> bool:
        metadata = scenario.get(*place)["metadata"]
        assert metadata["uid"] == before["metadata"]["uid"]
        assert metadata.get("ownerReferences") == before["metadata"].get("ownerReferences")
        return bool(ownership_labels(instance.cr).items() <= metadata.get("labels", {}).items())

    eventually(dressed, what="it has ownership labels and owner again")


@each
def test_ownership_labels_of_another_cryostat_are_corrected(instance: Instance, kind: str, name: str) -> None:
    other = {"metadata": {"labels": {constants.LABEL_NAME: "other"}}}
    repaired(instance, kind, name, lambda obj: instance.scenario.api.patch(obj, other))


OWNED = [(kind, name) for kind, name in OBJECTS if name not in ("binding", "callback")]


@pytest.mark.parametrize(("kind", "name"), [*OWNED, ("PersistentVolumeClaim", "x-database"), ("Secret", "x-db")])
def test_a_removed_owner_reference_is_restored(instance: Instance, kind: str, name: str) -> None:
    repaired(
        instance, kind, name, lambda obj: instance.scenario.api.patch(obj, {"metadata": {"ownerReferences": None}})
    )


def add(path: str, value: Any) -> list[Object]:
    return [{"op": "add", "path": path, "value": value}]


SUBJECT = {"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}
CONTAINER = "/spec/template/spec/containers/0"
NO_LABELS = {"spec": {"podSelector": {"matchLabels": None}}}
SIDECAR = {"name": "miner", "image": "example.com/miner"}
EDITS: dict[str, tuple[str, str, Any]] = {
    "key of a ConfigMap": ("ConfigMap", "x-agent-proxy", {"data": {"more": "text"}}),
    "content of a ConfigMap": ("ConfigMap", "x-oauth2-proxy-cfg", {"data": {"alpha_config.json": "{}"}}),
    "binary key of a ConfigMap": ("ConfigMap", "x-agent-proxy", {"binaryData": {"more": "AAAA"}}),
    "missing key of a Secret": ("Secret", "x-storage", {"data": {"SECRET_KEY": None}}),
    "port of a Service": ("Service", "x", add("/spec/ports/-", {"name": "debug", "port": 5005})),
    "selector of a Service": ("Service", "x", {"spec": {"selector": {"more": "label"}}}),
    "type of a Service": ("Service", "x-agent", {"spec": {"type": "NodePort"}}),
    "selector of a callback Service": ("Service", "callback", {"spec": {"selector": {"app": "mine"}}}),
    "peer of a NetworkPolicy": ("NetworkPolicy", "x-db-internal-ingress", add("/spec/ingress/-", {})),
    "pods of a NetworkPolicy": ("NetworkPolicy", "x-internal-ingress", NO_LABELS),
    "rule of an Ingress": ("Ingress", "x", add("/spec/rules/-", {"host": "other.example.com"})),
    "backend of an Ingress": ("Ingress", "x", {"spec": {"defaultBackend": BACKEND}}),
    "subject of a RoleBinding": ("RoleBinding", "binding", add("/subjects/-", SUBJECT)),
    "variable of a Deployment": ("Deployment", "x-storage", add(f"{CONTAINER}/env/-", {"name": "MORE", "value": "1"})),
    "container of a Deployment": ("Deployment", "x-storage", add("/spec/template/spec/containers/-", SIDECAR)),
    "init container": ("Deployment", "x-storage", add("/spec/template/spec/initContainers", [SIDECAR])),
    "port of a container": ("Deployment", "x-storage", add(f"{CONTAINER}/ports/-", {"containerPort": 5005})),
    "removed probe": ("Deployment", "x-storage", [{"op": "remove", "path": f"{CONTAINER}/livenessProbe"}]),
    "network of the node": ("Deployment", "x-reports", {"spec": {"template": {"spec": {"hostNetwork": True}}}}),
    "replicas": ("Deployment", "x-reports", {"spec": {"replicas": 0}}),
    "strategy": ("Deployment", "x-storage", {"spec": {"strategy": {"type": "RollingUpdate"}}}),
    "label of the CR's": ("Ingress", "x", {"metadata": {"labels": {"team": "z"}, "annotations": {"tier": None}}}),
    "label of the pods'": ("Deployment", "x", add("/spec/template/metadata/labels/wing", "z")),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_is_reverted(instance: Instance, what: str) -> None:
    kind, name, change = EDITS[what]
    repaired(instance, kind, name, lambda obj: instance.scenario.api.patch(obj, change))


def test_a_binding_with_another_role_is_created_again(instance: Instance) -> None:
    """The role of a binding is immutable: another client created the binding again with another role."""
    scenario = instance.scenario
    other = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}

    def swap(obj: Object) -> None:
        kept = {key: obj["metadata"][key] for key in ("name", "namespace", "labels")}
        scenario.api.delete(obj)
        eventually(lambda: scenario.api.create({**obj, "metadata": kept, "roleRef": other}) or True)

    with scenario.stopped():
        swap(scenario.get(*instance.place("RoleBinding", "binding")))
    place = instance.place("RoleBinding", "binding")
    eventually(lambda: scenario.get(*place)["roleRef"]["name"] != "view", what="the binding has the operator's role")


@pytest.mark.parametrize("manager", ["other-tool", "manager"])
def test_labels_and_annotations_of_other_owners_are_kept(instance: Instance, manager: str) -> None:
    """Also those of clients with the field manager `manager`, which is that of the Go operator."""
    scenario, broken = instance.scenario, {"metadata": {"labels": {constants.LABEL_NAME: "z"}}}
    for kind, name in OBJECTS:
        obj = scenario.get(*instance.place(kind, name))
        body = {"metadata": {"labels": {"theirs": "1"}, "annotations": {"theirs": "2"}}}
        scenario.api.request("PATCH", scenario.api.path_of(obj), body, PATCH_TYPES["merge"], fieldManager=manager)
        repaired(instance, kind, name, lambda obj: scenario.api.patch(obj, broken))
        metadata = scenario.get(*instance.place(kind, name))["metadata"]
        assert (metadata["labels"].get("theirs"), metadata["annotations"].get("theirs")) == ("1", "2"), kind
        scenario.api.patch(obj, {"metadata": {"labels": {"theirs": None}, "annotations": {"theirs": None}}})


def scale(instance: Instance, name: str, replicas: int) -> None:
    """Set the replicas of a Deployment as the controller of HorizontalPodAutoscalers does."""
    api, deployment = instance.scenario.api, instance.scenario.get(*instance.place("Deployment", name))
    body, path = {"spec": {"replicas": replicas}}, api.path_of(deployment, "scale")
    api.request("PATCH", path, body, PATCH_TYPES["merge"], fieldManager="kube-controller-manager")


def test_changes_of_an_autoscaler_are_not_reverted(instance: Instance) -> None:
    scenario, place = instance.scenario, instance.place("Deployment", "x-reports")
    scenario.wait_until_idle()
    mark = scenario.plane.audit_mark()
    for replicas in (3, 2):
        scale(instance, "x-reports", replicas)
        scenario.wait_for_reason(
            instance.cr, "ReplicasScaled", "kube-controller-manager scales", place[2], type="SpecEffective"
        )
        scenario.wait_until_idle()
    assert [write for write in scenario.writes(mark) if write.resource == "deployments"] == []
    repaired(instance, "Deployment", "x-reports", lambda obj: scenario.api.patch(obj, {"spec": {"paused": True}}))
    assert scenario.get(*place)["spec"]["replicas"] == 2
    scenario.api.delete(scenario.get(*place))
    eventually(
        lambda: scenario.get(*place)["spec"]["replicas"] == 1, what="the Deployment has the replicas of the spec again"
    )
    eventually(
        lambda: condition(scenario.live(instance.cr), "SpecEffective") == {},
        what="the condition SpecEffective is absent",
    )


def test_the_replicas_of_a_horizontal_pod_autoscaler_are_kept(instance: Instance) -> None:
    """The controller scales to its minimum at once, without metrics, and again at each sync if something reverts it."""
    scenario, place = instance.scenario, instance.place("Deployment", "x-reports")
    scenario.wait_until_idle()
    mark = scenario.plane.audit_mark()
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x-reports"}
    autoscaler = scenario.api.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "x-reports", "namespace": place[1]},
            "spec": {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 4},
        }
    )
    for minimum in (3, 4):
        scenario.api.patch(autoscaler, {"spec": {"minReplicas": minimum}})
        eventually(
            lambda minimum=minimum: scenario.get(*place)["spec"]["replicas"] == minimum,  # type: ignore[misc]
            what=f"there are {minimum} report generators",
        )
        scenario.wait_for_reason(
            instance.cr, "ReplicasScaled", "kube-controller-manager scales", place[2], type="SpecEffective"
        )
    scenario.wait_until_ready(instance.cr)
    scenario.wait_until_idle()
    assert scenario.get(*place)["spec"]["replicas"] == 4
    assert [write for write in scenario.writes(mark) if write.resource == "deployments"] == []
    # Other tests of this file change or delete objects repeatedly.
    reported = condition(scenario.live(instance.cr), "Reconciled").get("message", "")
    assert "x-reports: kube-controller-manager" not in reported
    scenario.api.delete(autoscaler)
    scenario.api.delete(scenario.get(*place))
    eventually(
        lambda: scenario.get(*place)["spec"]["replicas"] == 1, what="the Deployment has the replicas of the spec again"
    )


def test_the_first_change_of_a_client_is_an_event_with_its_name(instance: Instance) -> None:
    scenario, place = instance.scenario, instance.place("Deployment", "x-storage")
    body = {"spec": {"strategy": {"type": "RollingUpdate"}}}
    path = scenario.api.path_of(scenario.get(*place))
    size = scenario.log_size()
    scenario.api.request("PATCH", path, body, PATCH_TYPES["merge"], fieldManager="kubectl-edit")
    message = f"{place[0]} {place[1]}/{place[2]}: kubectl-edit had set spec.strategy"

    def recorded() -> list[Object]:
        return [each for each in scenario.events(instance.cr, "ChangeReverted") if message in each["message"]]

    [event] = eventually(recorded, what="the Cryostat has an event")
    assert event["type"] == "Normal"
    assert message in scenario.log_since(size)
    assert scenario.get(*place)["spec"]["strategy"]["type"] == "Recreate"
    scenario.wait_until_ready(instance.cr)


def test_a_client_that_repeats_a_change_is_named(instance: Instance) -> None:
    scenario, place = instance.scenario, instance.place("Deployment", "x-database")
    for _ in range(3):
        scale(instance, "x-database", 2)
        eventually(lambda: scenario.get(*place)["spec"]["replicas"] == 1, what="there is one database again")
    words = ("x-database: kube-controller-manager repeatedly changes spec.replicas",)
    scenario.wait_for_reason(instance.cr, "ChangedByOthers", *words, type="Reconciled")
    assert condition(scenario.wait_until_ready(instance.cr), "Ready")["status"] == "True"


def test_objects_that_the_spec_no_longer_requests_are_deleted(instance: Instance) -> None:
    scenario, where = instance.scenario, instance.cr["metadata"]["namespace"]
    scenario.change(
        instance.cr,
        networkOptions={"coreConfig": {"labels": {"team": None, "crew": "b"}, "annotations": None}},
        operandMetadata={"podMetadata": {"labels": None, "annotations": {"note": None}}},
    )

    def gone() -> bool:
        ingress = scenario.get("Ingress", where, "x")["metadata"]
        pods = scenario.get("Deployment", where, "x")["spec"]["template"]["metadata"]
        assert ingress["labels"].get("crew") == "b"
        assert "team" not in ingress["labels"], ingress["labels"]
        assert "tier" not in ingress.get("annotations", {})
        assert "wing" not in pods["labels"]
        assert "note" not in pods["annotations"]
        return True

    eventually(gone, what="labels and annotations are removed")


def test_a_rollout_restart_is_not_reverted(instance: Instance) -> None:
    scenario, where = instance.scenario, instance.cr["metadata"]["namespace"]
    scenario.wait_until_idle()  # the changes of the test before
    mark = scenario.plane.audit_mark()
    scenario.plane.kubectl("rollout", "restart", "deployment", "x-storage", "-n", where)
    scenario.plane.kubectl("rollout", "status", "deployment", "x-storage", "-n", where, "--timeout=100s")
    scenario.wait_until_idle()
    assert [write for write in scenario.writes(mark) if write.resource == "deployments"] == []
    template = scenario.get("Deployment", where, "x-storage")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    assert condition(scenario.wait_until_ready(instance.cr), "Ready")["status"] == "True"


def test_a_deployment_with_another_selector_is_created_again(instance: Instance) -> None:
    """A selector is immutable: another client created the Deployment again with another one."""
    scenario, where = instance.scenario, instance.cr["metadata"]["namespace"]
    with scenario.stopped():
        theirs = scenario.get("Deployment", where, "x-reports")
        scenario.api.delete(theirs)
        for key in ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"):
            theirs["metadata"].pop(key)
        theirs["spec"]["selector"]["matchLabels"]["more"] = "label"
        theirs["spec"]["template"]["metadata"]["labels"]["more"] = "label"
        eventually(lambda: scenario.api.create(theirs))

    def created_again() -> bool:
        return "more" not in scenario.get("Deployment", where, "x-reports")["spec"]["selector"]["matchLabels"]

    eventually(created_again, what="the Deployment has its selector again")
    scenario.wait_until_ready(instance.cr)


@pytest.mark.parametrize(("kind", "name"), [("Service", "x-database"), ("Service", "callback")])
def test_a_service_with_another_kind_of_address_is_created_again(instance: Instance, kind: str, name: str) -> None:
    """The cluster IP of a Service is immutable: its name resolves to this IP, or without one to the IPs of pods."""
    scenario, place = instance.scenario, instance.place(kind, name)
    before = scenario.get(*place)
    with scenario.stopped():
        scenario.api.delete(before)
        kept = {key: v for key, v in before["metadata"].items() if key in ("name", "namespace", "labels")}
        spec = {"selector": before["spec"]["selector"], "ports": before["spec"].get("ports") or [{"port": 80}]}
        if before["spec"]["clusterIP"] != "None":
            spec["clusterIP"] = "None"
        theirs = {"apiVersion": "v1", "kind": "Service", "metadata": kept, "spec": spec}
        eventually(lambda: scenario.api.create(theirs), what="another client creates another one")

    def is_correct() -> bool:
        now = scenario.get(*place)["spec"]["clusterIP"]
        return bool((now == "None") == (before["spec"]["clusterIP"] == "None"))

    eventually(is_correct, what="the Service has the right type of address")
    scenario.wait_until_ready(instance.cr)
