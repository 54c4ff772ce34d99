"""Outages of the API server, expired credentials, killed operators: the operator recovers."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import Object, condition, eventually
from tests.cluster.kubectl import kubeconfig_text
from tests.cluster.operator_process import CRD, NAMESPACE, ROOT, SERVICE_ACCOUNT
from tests.cluster.scenario import Scenario, bindings_of

KILLS = int(os.environ.get("CRYOSTAT_KILLS", "6"))
FLOW = "flowcontrol.apiserver.k8s.io/v1"
IDLE_SECONDS = 3.0  # seconds; the operator reports status changes of a rollout within two


def wait_until_reconciling(scenario: Scenario, cr: Object) -> None:
    """Wait until drift is repaired and a change of the Cryostat has an effect: both need working watches."""
    where, wanted = cr["metadata"]["namespace"], random.randint(1, 1000)
    service = eventually(lambda: scenario.get("Service", where, "x"), 60, "the Service exists")
    scenario.api.delete(service)
    scenario.change(cr, serviceOptions={"reportsConfig": {"httpPort": 10000 + wanted}}, reportOptions={"replicas": 1})

    def done() -> bool:
        [port] = scenario.get("Service", where, "x-reports")["spec"]["ports"]
        assert port["port"] == 10000 + wanted
        return bool(scenario.get("Service", where, "x")["metadata"]["uid"] != service["metadata"]["uid"])

    eventually(done, what="the operator reconciles")


def wait_for_objects(scenario: Scenario, cr: Object) -> Object:
    """Wait until all objects exist. After an outage, controllers may start the pods late."""
    where, name = cr["metadata"]["namespace"], cr["metadata"]["name"]

    def all_exist() -> bool:
        status = scenario.live(cr)["status"]
        assert all(scenario.find("Deployment", where, each) for each in (name, f"{name}-database", f"{name}-storage"))
        return bool(status["observedGeneration"] == scenario.live(cr)["metadata"]["generation"])

    eventually(all_exist, 60, f"all objects of {name} exist")
    return scenario.live(cr)


def count_responses(scenario: Scenario, code: str) -> float:
    """The number of requests of the operator with this status."""
    return sum(value for name, value in scenario.metrics().items() if f'code="{code}"' in name)


def wait_until_idle(scenario: Scenario) -> None:
    """Wait until the operator writes nothing. Before, other controllers recover and the status changes."""

    def silent() -> bool:
        mark = scenario.plane.audit_mark()
        time.sleep(IDLE_SECONDS)
        scenario.wait_until_idle()
        return scenario.writes(mark) == []

    eventually(silent, 180.0, "the operator writes nothing")


def test_kills_at_random_moments_lose_and_duplicate_nothing(scenario: Scenario) -> None:
    """After CRYOSTAT_KILLS kills no object is lost, duplicated or orphaned, and the last start writes nothing."""
    dice = random.Random(7)
    where, *targets = (scenario.namespace() for _ in range(4))
    steady = scenario.wait_until_ready(scenario.cryostat(where, "steady", targetNamespaces=[where]))
    keys = {name: scenario.get("Secret", where, name)["data"] for name in ("steady-db", "steady-storage")}
    dead: list[Object] = []
    for _ in range(KILLS):
        scenario.stop()
        wanted = dice.sample(targets, dice.randint(1, 3))
        moving = scenario.api.find(constants.API_VERSION, constants.KIND, "moving", where)
        if moving is None:
            scenario.cryostat(where, "moving", targetNamespaces=wanted)
        elif dice.random() < 0.5:
            scenario.api.delete(moving)
            dead.append(moving)
        elif "deletionTimestamp" not in moving["metadata"]:
            scenario.change(moving, targetNamespaces=wanted, reportOptions={"replicas": dice.randint(0, 1)})
        scenario.change(steady, targetNamespaces=wanted, reportOptions={"replicas": dice.randint(0, 1)})
        scenario.start(wait=False)
        time.sleep(dice.uniform(0.6, 2.2))
    scenario.start()
    scenario.delete(scenario.live(steady) | {"metadata": {"name": "moving", "namespace": where, "uid": ""}})
    for cr in dead:
        scenario.wait_for_no_objects(cr)
    body = scenario.wait_until_ready(steady)
    found = [target for target in (where, *targets) if scenario.find("RoleBinding", target, bindings_of(steady))]
    assert sorted(found) == sorted(body["spec"]["targetNamespaces"])
    assert bool(scenario.find("Deployment", where, "steady-reports")) == bool(body["spec"]["reportOptions"]["replicas"])
    assert {name: scenario.get("Secret", where, name)["data"] for name in keys} == keys
    scenario.wait_until_idle()
    with scenario.stopped():
        mark = scenario.plane.audit_mark()
    wait_until_idle(scenario)
    assert scenario.writes(mark) == []


def test_a_cryostat_with_hanging_writes_delays_no_other(scenario: Scenario) -> None:
    """The policy server of its namespace accepts connections and never answers."""
    slow, where = scenario.namespace(), scenario.namespace()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        hook = {
            "name": "silent.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"https://127.0.0.1:{silent.getsockname()[1]}/"}, "failurePolicy": "Fail",
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*"],
                       "scope": "Namespaced"}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": slow}}, "timeoutSeconds": 30,
        }  # fmt: skip
        cr = scenario.wait_until_ready(scenario.cryostat(slow))
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
        hooked = scenario.api.create({**head, "metadata": {"name": slow}, "webhooks": [hook]})
        scenario.undo(lambda: scenario.api.delete(hooked))
        time.sleep(1.0)  # time for the policy to take effect; a trial request would hang
        scenario.change(cr, reportOptions={"replicas": 1})
        others = [scenario.cryostat(where, f"x{number}") for number in range(2)]
        for other in others:
            scenario.wait_until_ready(other)
        assert scenario.find("Deployment", slow, "x-reports") is None
        assert condition(scenario.live(cr), "Ready")["observedGeneration"] == 1
        scenario.api.delete(hooked)
    scenario.wait_until_ready(cr, timeout=60)


def test_requests_are_repeated_while_the_api_server_is_overloaded(scenario: Scenario) -> None:
    """The API server accepts one request of the operator at a time, and responds to others with 429."""
    where = scenario.namespace()
    none = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0}
    level = {"apiVersion": FLOW, "kind": "PriorityLevelConfiguration", "metadata": {"name": where}}
    scenario.api.create(
        {**level, "spec": {"type": "Limited", "limited": {**none, "limitResponse": {"type": "Reject"}}}}
    )
    account = {"kind": "ServiceAccount", "serviceAccount": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}
    everything = {key: ["*"] for key in ("apiGroups", "namespaces", "resources", "verbs")}
    schema: Object = {"apiVersion": FLOW, "kind": "FlowSchema", "metadata": {"name": where}}
    rules = [{"subjects": [account], "resourceRules": [{**everything, "clusterScope": True}]}]
    spec = {"matchingPrecedence": 2, "priorityLevelConfiguration": {"name": where}, "rules": rules}
    for obj in (level, schema):
        scenario.undo(lambda obj=obj: scenario.api.delete(obj))  # type: ignore[misc]
    scenario.api.create({**schema, "spec": spec})
    path = f"/apis/{FLOW}/flowschemas/{where}"
    eventually(lambda: scenario.api.request("GET", path)["status"]["conditions"], what="the limit has an effect")
    mark = scenario.plane.audit_mark()
    cr = scenario.cryostat(where)
    eventually(lambda: count_responses(scenario, "429") > 5, what="the operator is rejected")
    scenario.api.delete(schema)
    wait_for_objects(scenario, cr)
    wait_until_reconciling(scenario, cr)
    wait_until_idle(scenario)
    assert len([write for write in scenario.writes(mark) if write.verb == "create"]) < 150


@pytest.fixture
def new_account(scenario: Scenario) -> Iterator[None]:
    """Create the ServiceAccount again; after the test, also its bindings."""
    yield
    scenario.stop()  # its token is now invalid


def test_credentials_expire_and_are_rotated(scenario: Scenario, new_account: None) -> None:
    cr = wait_for_objects(scenario, scenario.cryostat(scenario.namespace()))
    assert scenario.operator
    process, kubeconfig = scenario.operator.process.pid, scenario.operator.kubeconfig
    head = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}
    scenario.api.delete(head)
    eventually(
        lambda: scenario.api.create(head),
        what="there is a new ServiceAccount, and all tokens of the old one are invalid",
    )

    service = scenario.get("Service", cr["metadata"]["namespace"], "x")

    def refused() -> bool:
        scenario.api.delete(service)  # the API server caches the result of an authentication for ten seconds
        return count_responses(scenario, "401") > 2

    eventually(refused, 60, "the operator is refused", interval=0.5)
    scenario.plane.restart_apiserver(kill=True)  # every watch must authenticate again
    before = count_responses(scenario, "401")
    eventually(lambda: count_responses(scenario, "401") > before + 20, what="all requests of the operator are refused")
    text = kubeconfig_text(scenario.api, scenario.api.token_for(SERVICE_ACCOUNT, NAMESPACE), SERVICE_ACCOUNT)
    new = kubeconfig.with_suffix(".new")
    new.write_text(text)
    new.replace(kubeconfig)  # at once: the operator reads the file all the time
    wait_until_reconciling(scenario, cr)
    wait_until_idle(scenario)
    assert (scenario.operator.process.pid, scenario.operator.running) == (process, True)


def test_the_api_server_restarts(scenario: Scenario) -> None:
    """SIGTERM ends its watches, SIGKILL resets all connections."""
    cr = wait_for_objects(scenario, scenario.cryostat(scenario.namespace()))
    assert scenario.operator
    process = scenario.operator.process.pid
    for kill in (False, True):
        scenario.wait_until_idle()
        mark = scenario.plane.audit_mark()
        scenario.plane.restart_apiserver(kill=kill, down=1.5)
        wait_until_idle(scenario)
        assert [write for write in scenario.writes(mark) if write.resource not in ("cryostats/status", "events")] == []
        wait_until_reconciling(scenario, cr)
        assert (scenario.operator.process.pid, scenario.operator.running) == (process, True)


def test_the_operator_starts_before_the_api_server(scenario: Scenario) -> None:
    cr = wait_for_objects(scenario, scenario.cryostat(scenario.namespace()))
    with scenario.stopped():
        token = scenario.api.token_for(SERVICE_ACCOUNT, NAMESPACE)
        scenario.plane.stop_apiserver(kill=True)
        operator = scenario.start(wait=False, token=token)
        eventually(lambda: operator.get("/healthz")[0] == 200, what="the operator reconciles")
        assert operator.get("/readyz")[0] == 503
        scenario.plane.start_apiserver()
        operator.wait_ready(60)
        assert operator.running
    wait_until_reconciling(scenario, cr)


def test_changes_during_an_interrupted_watch_are_noticed(scenario: Scenario) -> None:
    """The API server no longer has the resource versions of the watches: deletions have no event."""
    where, target = scenario.namespace(), scenario.namespace()
    cr = wait_for_objects(scenario, scenario.cryostat(where, targetNamespaces=[where, target]))
    forced = wait_for_objects(scenario, scenario.cryostat(where, "forced", targetNamespaces=[target]))
    deleted = wait_for_objects(scenario, scenario.cryostat(where, "deleted", targetNamespaces=[target]))
    assert scenario.operator
    scenario.operator.pause()
    scenario.api.delete(scenario.get("Service", where, "x"))
    scenario.api.delete(scenario.get("RoleBinding", target, bindings_of(cr)))
    scenario.api.delete(forced)
    scenario.api.patch(forced, {"metadata": {"finalizers": None}})
    scenario.api.delete(deleted)
    new = scenario.cryostat(where, "new", targetNamespaces=[target])
    for _ in range(3):
        scenario.annotate(cr, nudge=str(time.time()))
    scenario.plane.restart_apiserver(kill=True)
    scenario.operator.resume()
    eventually(lambda: scenario.find("Service", where, "x"), 60, what="the Service exists again")
    eventually(lambda: scenario.find("RoleBinding", target, bindings_of(cr)), what="the binding exists again")
    wait_for_objects(scenario, new)
    scenario.wait_until_deleted(deleted)
    scenario.wait_for_no_objects(forced)
    scenario.wait_for_no_objects(deleted)
    eventually(
        lambda: scenario.metrics()["cryostat_operator_instances"] == 2.0,
        what="the operator has listed existing objects",
    )
    wait_until_idle(scenario)
    wait_until_reconciling(scenario, cr)


def test_the_definition_of_cryostats_is_deleted_and_created_again(scenario: Scenario) -> None:
    """All Cryostats are deleted with it. The operator continues when it is installed again."""
    cr = scenario.cryostat(scenario.namespace())
    scenario.wait_until_ready(cr)
    version, kind = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
    scenario.api.delete({"apiVersion": version, "kind": kind, "metadata": {"name": CRD}})
    eventually(
        lambda: not scenario.api.find(version, kind, CRD), 60, "the definition is gone, and all Cryostats with it"
    )
    scenario.wait_for_no_objects(cr)
    assert scenario.operator
    before = scenario.log_size()
    eventually(
        lambda: "Waiting for the CustomResourceDefinition" in scenario.log_since(before),
        what="the operator requests it",
    )
    scenario.plane.kubectl("apply", "-f", ROOT / "crds")
    again = eventually(lambda: scenario.cryostat(cr["metadata"]["namespace"]), what="Cryostats are served")
    scenario.wait_until_ready(again, 60)
