"""The whole text of every message of the commands that inspect a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cryostat_operator.cli import main
from cryostat_operator.gather.must_gather import gather
from cryostat_operator.inspect.cause import Cause
from cryostat_operator.inspect.instance_causes import causes
from cryostat_operator.inspect.login import log_in
from cryostat_operator.inspect.observed import Observed
from cryostat_operator.inspect.tree import address
from cryostat_operator.kube.errors import ApiError, LoginError
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.api_server import ApiServer
from tests.unit.inspect.instance import NOW, READY, condition, cryostat, deployment, owned, pod, serve

OPERATOR = {"metadata": {"name": "cryostat-operator-controller", "namespace": "ops"}, "status": {}}
RUNNING = {**OPERATOR, "status": {"readyReplicas": 1}}
COMMANDS: dict[str, str] = yaml.safe_load((Path(__file__).parent / "next_commands.yaml").read_text())


def not_ready(reason: str) -> Obj:
    return cryostat(condition("Ready", "False", reason, "what is wrong"))


def test_the_next_command_of_every_reason() -> None:
    """`default` is the command of all reasons that `next_commands.yaml` does not list."""
    found = {}
    for reason in Reason:
        if reason.condition:
            prefix = "Database" if reason in COMPONENT_REASONS else ""
            observed = Observed(not_ready(prefix + reason), (owned("Certificate", "a"),), operators=(RUNNING,))
            [first, *_] = causes(observed, NOW)
            found[str(reason)] = first.command
    default = COMMANDS["default"]
    assert {reason: command for reason, command in found.items() if command != default} == {
        reason: command for reason, command in COMMANDS.items() if reason != "default"
    }


def test_next_commands_that_depend_on_the_instance() -> None:
    log = "kubectl -n cryostat-operator-system logs deployment/cryostat-operator-controller"
    assert causes(Observed(not_ready("CertificateNotIssued")), NOW)[0].command == log
    own = Observed({**not_ready("DatabaseKeysMismatched")})
    own.cryostat["status"]["databaseSecret"] = "mine"
    assert causes(own, NOW)[0].command == "kubectl -n here describe secret mine"
    pending = Observed(cryostat(condition("VolumesReady", "False", "VolumePending", "x"), observedGeneration=1))
    assert causes(pending, NOW)[0].command == "kubectl -n here describe persistentvolumeclaims"


CAUSES = {
    "no pod of the operator is ready": (
        Observed(cryostat(), operators=(OPERATOR,)),
        Cause(
            "OperatorNotRunning",
            "No pod of the operator is ready (Deployment ops/cryostat-operator-controller).",
            ("Cryostat here/sample is not reconciled",),
            "kubectl -n ops get pods,events",
        ),
    ),
    "no operator is installed": (
        Observed(cryostat(observedGeneration=0), operators=()),
        Cause(
            "OperatorNotRunning",
            "No operator is installed in this cluster, or it runs outside of it.",
            ("Cryostat here/sample has a change that no operator has read",),
            "kubectl -n cryostat-operator-system get pods,events",
        ),
    ),
    "an expired certificate": (
        Observed(cryostat(), expiries={"here/tls": NOW - 3 * 86400}),
        Cause(
            "CertificateExpired",
            "The certificate in Secret here/tls expired 3 days ago, so connections that need it fail.",
            ("Cryostat here/sample", "Secret here/tls: certificate expired"),
            "kubectl -n cryostat-operator-system logs deployment/cryostat-operator-controller",
        ),
    ),
    "no status": (
        Observed({**cryostat(), "status": {}}),
        Cause(
            "NoStatus",
            "The operator has not reported a status yet.",
            ("Cryostat here/sample",),
            "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cryostat-operator",
        ),
    ),
    "an old status": (
        Observed(cryostat(observedGeneration=0)),
        Cause(
            "StatusOutdated",
            "The status is about an earlier version of the spec; the operator has not read the last change yet.",
            (),
            "kubectl get pods -A -l app.kubernetes.io/name=cryostat-operator",
        ),
    ),
}


@pytest.mark.parametrize(("observed", "cause"), CAUSES.values(), ids=CAUSES)
def test_causes_that_no_condition_reports(observed: Observed, cause: Cause) -> None:
    assert causes(observed, NOW)[0] == cause


def test_the_login_is_a_command_without_the_password() -> None:
    assert Observed(cryostat(basicAuthSecret="login")).login() == (
        "user and password are in Secret login: "
        "kubectl -n here get secret login -o jsonpath='{.data.password}' | base64 -d"
    )
    assert Observed(cryostat()).login() == "not known, because the operator has not reported it yet"


def test_the_address() -> None:
    assert address(Observed(cryostat())) == "no address (the spec requests no Route or Ingress)"
    assert address(Observed(cryostat(), (owned("Route", "sample"),))) == "no address yet"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("status",), "Error: There is no Cryostat in namespace here. Use -n NAMESPACE or -A.\n"),
        (("status", "-A"), "Error: There is no Cryostat in any namespace. Use -n NAMESPACE or -A.\n"),
    ],
)
def test_without_a_cryostat(server: ApiServer, arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr) == (2, message)


@pytest.mark.parametrize("command", ["status", "must-gather"])
def test_a_name_excludes_all_namespaces(server: ApiServer, command: str) -> None:
    result = CliRunner().invoke(main, [command, "sample", "-A"])
    assert result.stderr.endswith("Error: NAME and --all-namespaces exclude each other.\n")


async def test_the_index_of_must_gather(server: ApiServer) -> None:
    def refuse(method: str, path: str, body: Any) -> ApiError | None:
        return ApiError(403, "Forbidden", "no access") if path.endswith("/log") else None

    serve(server, cryostat(), deployment(), pod("database"))
    server.put("/version", {"gitVersion": "v1.34.0"})
    server.hook = refuse
    cause = Cause("Paused", "It is paused.", ("the first state",), "kubectl get cryostats")
    observed = Observed(cryostat(condition("Ready", "False", "Paused")), pods=(pod("database"),))
    index = (await gather(server, [(observed, [cause])]))["README.md"]
    assert index.startswith(
        "# Cryostat must-gather\n\nValues of Secrets and of environment variables are removed.\n\n"
        "## Cryostat here/sample: not ready\n\n* Paused: It is paused.\n  * the first state\n\n## Files\n\n* ["
    )
    assert index.endswith(
        "## Not collected\n\n* No pod of the operator was found.\n"
        "* The log of container c of pod sample-database-1 cannot be read: no access\n"
    )


def config(path: Path, **changes: Any) -> Path:
    content: dict[str, Any] = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://a.example.com"}}],
        "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    path.write_text(yaml.safe_dump(content | changes))
    return path


LOGINS = {
    "the kubeconfig has no context 'b'; `kubectl config get-contexts` lists them": {"current-context": "b"},
    "context 'a' of the kubeconfig names no cluster with a server; correct its cluster": {
        "clusters": [{"name": "b", "cluster": {}}]
    },
    "the kubeconfig FILE cannot be used: TypeError 'int' object is not iterable. Correct it": {"users": 5},
    "no cluster: not in a pod, and the kubeconfig FILE names no cluster. Correct the variable KUBECONFIG": {
        "clusters": []
    },
}


@pytest.mark.parametrize(("message", "changes"), LOGINS.items(), ids=LOGINS)
async def test_logins_that_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, changes: dict[str, Any]
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(config(tmp_path / "config", **changes)))
    with pytest.raises(LoginError) as error:
        await log_in()
    assert str(error.value) == message.replace("FILE", str(tmp_path / "config"))


def test_a_ready_instance_has_no_message() -> None:
    assert causes(Observed(cryostat(READY)), NOW) == []
