"""A cluster whose API server calls the webhooks of an operator on this machine, by URL instead of by Service."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryostat_operator.api import constants
from tests.cluster.api import Api, Object, eventually
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.kubectl import LEAN_KUBECTL, configured
from tests.cluster.operator_process import (
    ForkedOperator,
    OperatorProcess,
    install,
    remove_cryostats,
    webhooks_are_called,
)
from tests.cluster.processes import free_ports

MUTATING = "cryostat-operator-mutating-webhook-configuration"
VALIDATING = "cryostat-operator-validating-webhook-configuration"
ADMISSION = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True)
class WebhookPlane:
    """A control plane with the operator installed. It serves webhooks at `url`."""

    plane: ControlPlane
    operator: OperatorProcess
    url: str

    @property
    def api(self) -> Api:
        return self.plane.api

    def user(self, name: str, namespaces: Mapping[str, list[Object]], *groups: str) -> Api:
        """A client of a new user with these RBAC rules in these namespaces."""
        for namespace, rules in namespaces.items():
            self.grant(name, namespace, rules)
        return self.api.impersonating(name, *groups)

    def warnings(self, obj: Object) -> str:
        """Create an object with kubectl. Returns its standard error, which has the warnings of the webhooks."""
        done = self._create(obj)
        done.check_returncode()
        return done.stderr

    def refusal(self, obj: Object) -> str:
        """Create an object with kubectl, which the API server must refuse. Returns its standard error."""
        done = self._create(obj)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _create(self, obj: Object) -> subprocess.CompletedProcess[str]:
        program, config = self.plane.programs["kubectl"], self.plane.kubeconfig
        env = os.environ | LEAN_KUBECTL | configured(config)
        command = [str(program), "create", "-f", "-"]
        return subprocess.run(command, input=json.dumps(obj), env=env, capture_output=True, text=True)

    def grant(self, user: str, namespace: str, rules: list[Object]) -> None:
        """Create a Role and a RoleBinding with the user's name, and wait until the API server knows them."""
        group, meta = "rbac.authorization.k8s.io", {"name": user.replace(":", "-"), "namespace": namespace}
        self.api.apply({"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": rules})
        role = {"apiGroup": group, "kind": "Role", "name": meta["name"]}
        subject = {"apiGroup": group, "kind": "User", "name": user}
        binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role}
        self.api.apply({**binding, "subjects": [subject]})
        for rule in rules:
            eventually(functools.partial(self._may, user, namespace, rule), what=f"{user} has the permissions {rule}")

    def _may(self, user: str, namespace: str, rule: Object) -> bool:
        """Whether the authorizer knows a rule. It reads a rule as a whole, so one permission is enough."""
        attributes = {
            "namespace": namespace,
            "verb": rule["verbs"][-1],
            "group": rule["apiGroups"][-1],
            "resource": rule["resources"][-1],
            "name": (rule.get("resourceNames") or [""])[-1],
        }
        spec = {"user": user, "resourceAttributes": attributes}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        return bool(self.api.create({**review, "metadata": {}})["status"]["allowed"])


@contextmanager
def served(options: Options | None = None, env: Mapping[str, str] | None = None) -> Iterator[WebhookPlane]:
    """Boot a control plane, install the operator with its webhooks, and start it."""
    with ControlPlane(options or Options(kwok=False, scheduler=False)) as plane:
        install(plane.api, webhooks=True)
        with tempfile.TemporaryDirectory() as directory:
            operator, url = start(plane, Path(directory), env)
            try:
                yield WebhookPlane(plane, operator, url)
            finally:
                remove_cryostats(plane.api, 10.0 if operator.running else 0.0)
                operator.stop()
                print(f"--- log of the operator ---\n{operator.tail(300)}")


def start(plane: ControlPlane, directory: Path, env: Mapping[str, str] | None = None) -> tuple[OperatorProcess, str]:
    """Start an operator that serves webhooks on a free port, and wait until the API server calls it.

    Returns:
        The operator and the URL of its webhooks.
    """
    [port] = free_ports(1)
    url = f"https://127.0.0.1:{port}"
    settings = {"WEBHOOK_URL": url, **(env or {})}
    operator = ForkedOperator(plane.api, directory, settings, [f"--webhook-port={port}"])
    operator.wait_ready()
    # The API server watches the configuration of webhooks, so a change takes effect later.
    eventually(lambda: webhooks_are_called(plane.api), what="the API server calls the webhooks")
    return operator, url


def rule(group: str, resource: str, *verbs: str, names: list[str] | None = None) -> Object:
    """One RBAC rule."""
    found: Object = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return found | ({"resourceNames": names} if names else {})


CRYOSTATS = rule(constants.GROUP, constants.PLURAL, "*")
