"""The API server goes away and comes back, credentials expire, the operator is killed: it carries on all the same."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator

import pytest

from cryostat_operator.desired import names
from tests.cluster.api import Object, condition, eventually
from tests.cluster.kubectl import kubeconfig_text
from tests.cluster.operator_process import CRD, NAMESPACE, ROOT, SERVICE_ACCOUNT
from tests.cluster.scenario import Scenario, bindings_of

KILLS = int(os.environ.get("CRYOSTAT_KILLS", "20"))
FLOW = "flowcontrol.apiserver.k8s.io/v1"
_LULL = 3.0  # seconds; what a rollout says in passing is told within two


def works(world: Scenario, cr: Object) -> None:
    """Waits until drift is repaired and a change of the Cryostat takes effect: every stream is alive."""
    where, wanted = cr["metadata"]["namespace"], random.randint(1, 1000)
    service = eventually(lambda: world.get("Service", where, "x"), 60, "the Service exists")
    world.api.delete(service)
    world.change(cr, serviceOptions={"reportsConfig": {"httpPort": 10000 + wanted}}, reportOptions={"replicas": 1})

    def done() -> bool:
        [port] = world.get("Service", where, "x-reports")["spec"]["ports"]
        assert port["port"] == 10000 + wanted
        return bool(world.get("Service", where, "x")["metadata"]["uid"] != service["metadata"]["uid"])

    eventually(done, 40, "the operator works")


def made(world: Scenario, cr: Object) -> Object:
    """Waits until all objects are there; controllers that lost the API server may take long to start the pods."""
    where, name = cr["metadata"]["namespace"], cr["metadata"]["name"]

    def there() -> bool:
        status = world.now(cr)["status"]
        assert all(world.find("Deployment", where, each) for each in (name, f"{name}-database", f"{name}-storage"))
        return bool(status["observedGeneration"] == world.now(cr)["metadata"]["generation"])

    eventually(there, 60, f"{name} is made")
    return world.now(cr)


def answers(world: Scenario, code: str) -> float:
    """How many requests of the operator were answered like this."""
    return sum(value for name, value in world.metrics().items() if f'code="{code}"' in name)


def quiet(world: Scenario) -> None:
    """Nothing is written any more, as soon as the controllers of others have recovered and that has been told."""

    def silent() -> bool:
        mark = world.plane.audit_mark()
        time.sleep(_LULL)
        world.settle()
        return world.writes(mark) == []

    eventually(silent, 60.0, "nothing is written any more")


def test_any_number_of_kills_at_random_moments(world: Scenario) -> None:
    """CRYOSTAT_KILLS of them: nothing is lost, made twice or left behind, and the last start writes nothing."""
    dice = random.Random(7)
    where, *targets = (world.namespace() for _ in range(4))
    steady = world.ready(world.cryostat(where, "steady", targetNamespaces=[where]))
    keys = {name: world.get("Secret", where, name)["data"] for name in ("steady-db", "steady-storage")}
    dead: list[Object] = []
    for _ in range(KILLS):
        world.stop()
        wanted = dice.sample(targets, dice.randint(1, 3))
        moving = world.api.find(names.API_VERSION, names.KIND, "moving", where)
        if moving is None:
            world.cryostat(where, "moving", targetNamespaces=wanted)
        elif dice.random() < 0.5:
            world.api.delete(moving)
            dead.append(moving)
        elif "deletionTimestamp" not in moving["metadata"]:
            world.change(moving, targetNamespaces=wanted, reportOptions={"replicas": dice.randint(0, 1)})
        world.change(steady, targetNamespaces=wanted, reportOptions={"replicas": dice.randint(0, 1)})
        world.start(wait=False)
        time.sleep(dice.uniform(0.6, 2.2))
    world.start()
    world.delete(world.now(steady) | {"metadata": {"name": "moving", "namespace": where, "uid": ""}})
    for cr in dead:
        world.nothing_left(cr, timeout=60)
    body = world.ready(steady, timeout=60)
    found = [target for target in (where, *targets) if world.find("RoleBinding", target, bindings_of(steady))]
    assert sorted(found) == sorted(body["spec"]["targetNamespaces"])
    assert bool(world.find("Deployment", where, "steady-reports")) == bool(body["spec"]["reportOptions"]["replicas"])
    assert {name: world.get("Secret", where, name)["data"] for name in keys} == keys
    world.settle()
    with world.down():
        mark = world.plane.audit_mark()
    quiet(world)
    assert world.writes(mark) == []


def test_a_cryostat_whose_writes_hang_holds_up_no_other(world: Scenario) -> None:
    """The policy server of its namespace takes connections, and never says anything."""
    slow, where = world.namespace(), world.namespace()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        hook = {
            "name": "silent.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"https://127.0.0.1:{silent.getsockname()[1]}/"}, "failurePolicy": "Fail",
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*"],
                       "scope": "Namespaced"}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": slow}}, "timeoutSeconds": 30,
        }  # fmt: skip
        cr = world.ready(world.cryostat(slow))
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
        hooked = world.api.create({**head, "metadata": {"name": slow}, "webhooks": [hook]})
        world.undo(lambda: world.api.delete(hooked))
        time.sleep(1.0)  # until it is in force, which cannot be tried: the trial would hang
        world.change(cr, reportOptions={"replicas": 1})
        others = [world.cryostat(where, f"x{number}") for number in range(5)]
        for other in others:
            world.ready(other)
        assert world.find("Deployment", slow, "x-reports") is None
        assert condition(world.now(cr), "Ready")["observedGeneration"] == 1
        world.api.delete(hooked)
    world.ready(cr, timeout=60)


def test_an_overloaded_api_server_is_waited_for(world: Scenario) -> None:
    """It takes one request of the operator at a time, and answers 429 to all others."""
    where = world.namespace()
    none = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0}
    level = {"apiVersion": FLOW, "kind": "PriorityLevelConfiguration", "metadata": {"name": where}}
    world.api.create({**level, "spec": {"type": "Limited", "limited": {**none, "limitResponse": {"type": "Reject"}}}})
    account = {"kind": "ServiceAccount", "serviceAccount": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}
    everything = {key: ["*"] for key in ("apiGroups", "namespaces", "resources", "verbs")}
    schema: Object = {"apiVersion": FLOW, "kind": "FlowSchema", "metadata": {"name": where}}
    rules = [{"subjects": [account], "resourceRules": [{**everything, "clusterScope": True}]}]
    spec = {"matchingPrecedence": 2, "priorityLevelConfiguration": {"name": where}, "rules": rules}
    for obj in (level, schema):
        world.undo(lambda obj=obj: world.api.delete(obj))  # type: ignore[misc]
    world.api.create({**schema, "spec": spec})
    path = f"/apis/{FLOW}/flowschemas/{where}"
    eventually(lambda: world.api.request("GET", path)["status"]["conditions"], what="the limit is in force")
    mark = world.plane.audit_mark()
    cr = world.cryostat(where)
    eventually(lambda: answers(world, "429") > 5, what="the operator is rejected")
    world.api.delete(schema)
    made(world, cr)
    works(world, cr)
    quiet(world)
    assert len([write for write in world.writes(mark) if write.verb == "create"]) < 150


@pytest.fixture
def new_account(world: Scenario) -> Iterator[None]:
    """The ServiceAccount is made anew inside a test; what was bound to its name is bound again."""
    yield
    world.stop()  # its token is worth nothing any more


def test_credentials_expire_and_are_rotated(world: Scenario, new_account: None) -> None:
    cr = made(world, world.cryostat(world.namespace()))
    assert world.operator
    process, kubeconfig = world.operator.process.pid, world.operator.kubeconfig
    head = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}
    world.api.delete(head)
    eventually(lambda: world.api.create(head), what="there is a new account, and all tokens of the old one are void")

    service = world.get("Service", cr["metadata"]["namespace"], "x")

    def refused() -> bool:
        world.api.delete(service)  # the API server knows an old token for ten seconds more
        return answers(world, "401") > 2

    eventually(refused, 60, "the operator is refused", interval=0.5)
    world.plane.restart_apiserver(kill=True)  # every stream has to log in again
    before = answers(world, "401")
    eventually(lambda: answers(world, "401") > before + 20, what="the operator is refused everywhere")
    text = kubeconfig_text(world.api, world.api.token_for(SERVICE_ACCOUNT, NAMESPACE), SERVICE_ACCOUNT)
    kubeconfig.write_text(text)
    works(world, cr)
    quiet(world)
    assert (world.operator.process.pid, world.operator.running) == (process, True)


@pytest.mark.parametrize("kill", [False, True], ids=["politely", "at once"])
def test_the_api_server_restarts(world: Scenario, kill: bool) -> None:
    cr = made(world, world.cryostat(world.namespace()))
    world.settle()
    assert world.operator
    process, mark = world.operator.process.pid, world.plane.audit_mark()
    world.plane.restart_apiserver(kill=kill, down=1.5)
    quiet(world)
    assert [write for write in world.writes(mark) if write.resource not in ("cryostats/status", "events")] == []
    works(world, cr)
    assert (world.operator.process.pid, world.operator.running) == (process, True)


def test_the_operator_starts_before_the_api_server(world: Scenario) -> None:
    cr = made(world, world.cryostat(world.namespace()))
    with world.down():
        token = world.api.token_for(SERVICE_ACCOUNT, NAMESPACE)
        world.plane.stop_apiserver(kill=True)
        operator = world.start(wait=False, token=token)
        eventually(lambda: operator.get("/healthz")[0] == 200, what="it is alive")
        assert operator.get("/readyz")[0] == 503
        world.plane.start_apiserver()
        operator.wait_ready(60)
        assert operator.running
    works(world, cr)


def test_what_happened_while_the_streams_were_cut_is_noticed(world: Scenario) -> None:
    """The API server has forgotten where the operator's streams were: objects went that no event tells of."""
    where, target = world.namespace(), world.namespace()
    cr = made(world, world.cryostat(where, targetNamespaces=[where, target]))
    forced = made(world, world.cryostat(where, "forced", targetNamespaces=[target]))
    deleted = made(world, world.cryostat(where, "deleted", targetNamespaces=[target]))
    assert world.operator
    world.operator.pause()
    world.api.delete(world.get("Service", where, "x"))
    world.api.delete(world.get("RoleBinding", target, bindings_of(cr)))
    world.api.delete(forced)
    world.api.patch(forced, {"metadata": {"finalizers": None}})
    world.api.delete(deleted)
    new = world.cryostat(where, "new", targetNamespaces=[target])
    for _ in range(3):
        world.annotate(cr, nudge=str(time.time()))
    world.plane.restart_apiserver(kill=True)
    world.operator.resume()
    eventually(lambda: world.find("Service", where, "x"), 60, what="the Service is back")
    eventually(lambda: world.find("RoleBinding", target, bindings_of(cr)), what="the binding is back")
    made(world, new)
    world.gone(deleted)
    world.nothing_left(forced)
    world.nothing_left(deleted)
    eventually(lambda: world.metrics()["cryostat_operator_instances"] == 2.0, what="it knows those that there are")
    quiet(world)
    works(world, cr)


def test_the_definition_of_cryostats_goes_and_comes_back(world: Scenario) -> None:
    """All Cryostats go with it; the operator goes on when it is installed again."""
    cr = world.cryostat(world.namespace())
    world.ready(cr)
    version, kind = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
    world.api.delete({"apiVersion": version, "kind": kind, "metadata": {"name": CRD}})
    eventually(lambda: not world.api.find(version, kind, CRD), 60, "the definition is gone, and all Cryostats with it")
    world.nothing_left(cr)
    assert world.operator
    before = world.log_size()
    eventually(lambda: "No Cryostats are served" in world.log_since(before), what="the operator looks for it")
    world.plane.kubectl("apply", "-f", ROOT / "crds")
    again = eventually(lambda: world.cryostat(cr["metadata"]["namespace"]), what="Cryostats are served")
    world.ready(again, 60)
