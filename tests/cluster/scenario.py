"""Steps of tests with a running operator: create a Cryostat, wait for conditions, change objects, read writes."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.namespaces import create_namespace, empty_namespace
from tests.cluster.operator_process import ForkedOperator, OperatorProcess, operator_requests

_numbers = itertools.count(1)
_WRITING = ("create", "update", "patch", "delete", "deletecollection")


class Write(NamedTuple):
    """A writing request of the operator in the API server's audit log."""

    verb: str
    resource: str  # plural, with the subresource: `cryostats/status`
    namespace: str
    name: str
    code: int

    @property
    def succeeded(self) -> bool:
        return self.code < 300


class Scenario:
    """An operator on a control plane, with steps of tests. `clean` deletes the objects that a test created."""

    def __init__(
        self,
        plane: ControlPlane,
        directory: Path,
        env: Mapping[str, str] | None = None,
        kind: type[OperatorProcess] = ForkedOperator,
    ) -> None:
        self.plane = plane
        self._kind = kind
        self._directory, self._env = directory, dict(env or {})
        self._namespaces: list[str] = []  # with generated names
        self._named: set[str] = set()  # with names that a test chose
        self._undo: list[Callable[[], Any]] = []
        self.operator: OperatorProcess | None = None

    @property
    def api(self) -> Api:
        return self.plane.api

    # --- the operator's process ---

    def start(self, *, wait: bool = True, token: str = "") -> OperatorProcess:
        """Start the operator unless it runs.

        Args:
            wait: wait until it is ready.
            token: its token, by default a new one.
        """
        if self.operator is None or not self.operator.running:
            api = copy.copy(self.api)
            if token:
                api.token_for = lambda *_, **__: token  # type: ignore[method-assign]
            self.operator = self._kind(api, self._directory, self._env)
        if wait:
            self.operator.wait_ready()
        return self.operator

    def stop(self) -> None:
        """Kill the operator."""
        if self.operator:
            self.operator.kill()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Keep the operator stopped inside the block."""
        self.stop()
        yield
        self.start()

    def wait_until_idle(self, timeout: float = 60.0, *, renewals: bool = False) -> None:
        """Wait until the operator knows all Cryostats, and no reconcile is queued, running or scheduled.

        With `renewals`, each Cryostat may have one scheduled reconcile, for the renewal of its certificates.
        """
        seen = [-1.0]

        def is_idle() -> bool:
            numbers = self.metrics()
            runs = sum(value for name, value in numbers.items() if name.startswith("cryostat_operator_reconciles"))
            known = numbers.get("cryostat_operator_instances", 0.0)
            is_empty = numbers.get("cryostat_operator_queue_depth", 0.0) <= known * renewals
            has_run = runs != seen[0]
            seen[0] = runs
            # The queue is also empty while the operator is not the leader, for example after an outage.
            leads = 0.0 not in [v for n, v in numbers.items() if n.startswith("leader_election_master_status")]
            if has_run or not is_empty or not leads:
                return False
            return known == len(self.api.list_metadata(constants.API_VERSION, constants.KIND))

        eventually(is_idle, timeout, "the operator has no more work", interval=1.0 if renewals else 0.2)

    def wait_for_reconciles(self, cr: Object, runs: int = 2) -> None:
        """Wait for `runs` more reconciles while a Cryostat is retried continually."""
        assert self.operator

        def count() -> float:
            return sum(v for name, v in self.metrics().items() if name.startswith("cryostat_operator_reconciles"))

        before = count()
        eventually(lambda: count() >= before + runs, what=f"{name(cr)} is reconciled again")

    def metrics(self) -> dict[str, float]:
        """Samples of /metrics with their labels."""
        assert self.operator
        lines = self.operator.get("/metrics")[1].splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#") and "_created" not in line)
        return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}

    def log_size(self) -> int:
        assert self.operator
        return self.operator.log.stat().st_size

    def log_since(self, size: int) -> str:
        assert self.operator
        return self.operator.log.read_bytes()[size:].decode(errors="replace")

    # --- the operator's requests ---

    def writes(self, mark: int) -> list[Write]:
        """All writing requests of the operator since a `plane.audit_mark()`, events included."""
        return [_write(event) for event in self._audit(mark) if event["verb"] in _WRITING]

    def reads(self, mark: int) -> list[str]:
        """Request URIs of the operator's get and list requests since a `plane.audit_mark()`."""
        return [event["requestURI"] for event in self._audit(mark) if event["verb"] in ("get", "list")]

    def _audit(self, mark: int) -> list[Object]:
        return operator_requests(self.plane.audit_since(mark))

    # --- namespaces and objects ---

    def namespace(self, prefix: str = "loop", **labels: str) -> str:
        """Create a namespace with a generated name, and return the name."""
        name = f"{prefix}-{next(_numbers)}"
        create_namespace(self.api, name, labels)
        self._namespaces.append(name)
        return name

    def make_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace with this name. It is deleted after the test; others are emptied."""
        create_namespace(self.api, name, labels)
        self._named.add(name)

    def remove_namespace(self, name: str) -> None:
        """Delete it and wait until it is gone."""
        self.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        eventually(lambda: not self.api.find("v1", "Namespace", name), what=f"namespace {name} is deleted")

    def make(self, kind: str, namespace: str, name: str, **content: Any) -> Object:
        """Create an object of one of the operator's kinds without ownership labels and owner references."""
        metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **content.pop("metadata", {})}
        made = self.api.create({"apiVersion": version(kind), "kind": kind, "metadata": metadata, **content})
        if not namespace:
            self.undo(lambda: self.api.delete(made))
        return {"apiVersion": version(kind), "kind": kind, **made}

    def secret(self, namespace: str, name: str, **values: str) -> Object:
        return self.make("Secret", namespace, name, stringData=values)

    def config_map(self, namespace: str, name: str, **values: str) -> Object:
        return self.make("ConfigMap", namespace, name, data=values)

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """One object of one of the operator's kinds. Raises ApiError 404."""
        found = self.api.get(version(kind), kind, name, namespace or None)
        return {"apiVersion": version(kind), "kind": kind, **found}

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        return self.api.find(version(kind), kind, name, namespace or None)

    def owned_objects(self, cr: Object) -> list[Object]:
        """Every object in the cluster with the ownership labels of this Cryostat."""
        selector = f"{constants.LABEL_NAME}={name(cr)},{constants.LABEL_NAMESPACE}={namespace(cr)}"
        found: list[Object] = []
        for kind in KINDS.values():
            try:
                found += self.api.list(kind.api_version, kind.kind, labelSelector=selector)
            except LookupError:  # never served
                continue
            except ApiError as error:
                if error.code != 404:  # not served any more
                    raise
        return found

    def dead_webhook(self, where: str, operation: str, resource: str) -> Object:
        """Let the API server call a webhook that does not answer for writes of a resource in a namespace.

        Args:
            where: the namespace.
            operation: CREATE or UPDATE.
            resource: group and plural: `/services`.
        """
        group, _, plural = resource.partition("/")
        hook = {
            "name": "policy.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:1/"}, "failurePolicy": "Fail", "timeoutSeconds": 2,
            "rules": [{"apiGroups": [group], "apiVersions": ["*"], "operations": [operation], "resources": [plural]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": where}},
        }  # fmt: skip
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
        made = self.api.create({**head, "metadata": {"name": where}, "webhooks": [hook]})
        self.undo(lambda: self.api.delete(made))
        return made

    def undo(self, action: Callable[[], Any]) -> None:
        """Register an action for `clean`, which runs them in reverse order."""
        self._undo.append(action)

    # --- Cryostats ---

    def cryostat(self, where: str, name: str = "x", /, metadata: Object | None = None, **spec: Any) -> Object:
        """Create a Cryostat, and two PersistentVolumes for its claims."""
        self.plane.add_volumes(2)
        head = {"name": name, "namespace": where, **(metadata or {})}
        return self.api.create(
            {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": head, "spec": spec},
        )

    def recreate_cryostat(self, where: str, name: str = "x") -> Object:
        """Delete a Cryostat, and create one of the same name immediately after the deletion is complete."""
        old = self.api.get(constants.API_VERSION, constants.KIND, name, where)
        self.plane.add_volumes(2)
        self.api.delete(old)
        head = {"name": name, "namespace": where}
        new = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": head, "spec": old["spec"]}
        return eventually(lambda: self.api.create(new), what=f"{name} is created again", interval=0.005)

    def live(self, cr: Object) -> Object:
        """The live Cryostat."""
        return self.api.get(constants.API_VERSION, constants.KIND, name(cr), namespace(cr))

    def change(self, cr: Object, **spec: Any) -> Object:
        """Merge these fields into the spec of a Cryostat."""
        return self.api.patch(cr, {"spec": spec})

    def annotate(self, obj: Object, **annotations: str | None) -> Object:
        return self.api.patch(obj, {"metadata": {"annotations": annotations}})

    def wait_until_ready(self, cr: Object, timeout: float = 90.0) -> Object:
        """Wait until the newest generation of a Cryostat is Ready, and return it."""

        def is_ready() -> Object | None:
            body = self.live(cr)
            found = condition(body, "Ready")
            assert found.get("status") == "True", found or "no Ready condition yet"
            assert found.get("observedGeneration") == body["metadata"]["generation"], "an old generation"
            return body

        return eventually(is_ready, timeout, f"{name(cr)} is Ready", interval=0.05) or {}

    def wait_for_reason(
        self, cr: Object, reason: str, *words: str, type: str = "Ready", timeout: float = 60.0
    ) -> Object:
        """Wait until a condition (by default Ready) has this reason and a message with these words, and return it."""

        def has_reason() -> Object | None:
            found = condition(self.live(cr), type)
            assert found.get("reason") == reason, found or f"no condition {type} yet"
            assert all(word in found["message"] for word in words), found
            return found

        return eventually(has_reason, timeout, f"{type} is {reason}", interval=0.05) or {}

    def delete(self, cr: Object, timeout: float = 60.0) -> None:
        """Delete a Cryostat and wait until it is deleted."""
        uid = cr["metadata"]["uid"]
        self.api.delete(cr)
        self.wait_until_deleted(cr, uid, timeout)

    def wait_until_deleted(self, cr: Object, uid: str = "", timeout: float = 60.0) -> None:
        """Wait until a Cryostat is deleted, or replaced by one with another uid than `uid`."""

        def is_deleted() -> bool:
            found = self.api.find(constants.API_VERSION, constants.KIND, name(cr), namespace(cr))
            return found is None or bool(uid and found["metadata"]["uid"] != uid)

        eventually(is_deleted, timeout, f"{name(cr)} is gone", interval=0.05)

    def wait_for_no_objects(self, cr: Object, *but: str, timeout: float = 60.0) -> None:
        """Wait until a deleted Cryostat has no objects but those of the kinds `but` and those with its owner reference.

        The garbage collector deletes the latter. In a new cluster it may take half a minute until it knows the CRD.
        """
        uid = cr["metadata"]["uid"]

        def is_empty() -> bool:
            owners = [(obj, obj["metadata"].get("ownerReferences") or []) for obj in self.owned_objects(cr)]
            lasting = [obj for obj, found in owners if uid not in [reference["uid"] for reference in found]]
            left = [f"{obj['kind']} {name(obj)}" for obj in lasting if obj["kind"] not in but]
            assert not left, left
            return True

        eventually(is_empty, timeout, f"nothing is left of {name(cr)}")

    def events(self, cr: Object, reason: str = "") -> list[Object]:
        """The Events of a Cryostat, by its uid."""
        uid = cr["metadata"]["uid"]
        found = self.api.list("v1", "Event", namespace(cr), fieldSelector=f"involvedObject.uid={uid}")
        return [event for event in found if reason in ("", event["reason"])]

    def clean(self) -> None:
        """Start the operator if it is stopped, and delete the objects that a test created."""
        for action in reversed(self._undo):
            with suppress(ApiError):
                action()
        self._undo.clear()
        self.start()
        wanted = {*self._namespaces, *self._named}
        for cr in self.api.list_metadata(constants.API_VERSION, constants.KIND):
            if namespace(cr) in wanted:
                self.api.delete(cr)
        with suppress(TimeoutError):
            eventually(lambda: not self._left(wanted), 20.0)
        for cr in self._left(wanted):
            self.api.patch(cr, {"metadata": {"finalizers": None}})
        for each in self._named:  # all at the same time, because each deletion takes seconds
            self.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": each}})
        for each in self._namespaces:
            empty_namespace(self.api, each)
        # Another test may create one of the same name.
        eventually(lambda: not self._named & self._existing_namespaces(), 180.0, f"{self._named} are deleted")
        self._namespaces.clear()
        self._named.clear()

    def _existing_namespaces(self) -> set[str]:
        return {name(each) for each in self.api.list("v1", "Namespace")} if self._named else set()

    def _left(self, wanted: set[str]) -> list[Object]:
        return [cr for cr in self.api.list_metadata(constants.API_VERSION, constants.KIND) if namespace(cr) in wanted]


def name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))


def version(kind: str) -> str:
    return KINDS[kind].api_version


def ownership_labels(cr: Object) -> dict[str, str]:
    """The ownership labels of the objects of this Cryostat."""
    return {constants.LABEL_NAME: name(cr), constants.LABEL_NAMESPACE: namespace(cr)}


def bindings_of(cr: Object) -> str:
    """The name of a Cryostat's RoleBindings, ClusterRoleBinding and ConsoleLink."""
    return names.instance_hash_name(namespace(cr), name(cr))


def callback_of(cr: Object) -> str:
    """The name of a Cryostat's callback Services."""
    return names.agent_callback_service(namespace(cr), name(cr))


def _write(event: Object) -> Write:
    reference = event.get("objectRef") or {}
    resource = "/".join(filter(None, (reference.get("resource", ""), reference.get("subresource", ""))))
    given = reference.get("name") or _name_in(event["requestURI"])
    return Write(event["verb"], resource, reference.get("namespace", ""), given, event["responseStatus"]["code"])


def _name_in(uri: str) -> str:
    match = re.search(r"/([^/?]+)(\?|$)", uri)
    return match.group(1) if match else ""
