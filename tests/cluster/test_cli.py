"""`diff` and `render` with a real cluster: they show differences before the Cryostat is applied, and none after it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from tests.cluster.api import condition, eventually
from tests.cluster.conftest import NamespaceFactory, OperatorFactory
from tests.cluster.controlplane import ControlPlane
from tests.command import PROGRAM


def run(
    plane: ControlPlane, *arguments: str, cr: object, kubeconfig: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KUBECONFIG": str(kubeconfig or plane.kubeconfig)}
    return subprocess.run([PROGRAM, *arguments], input=yaml.safe_dump(cr), env=env, capture_output=True, text=True)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_diff_shows_missing_objects_and_then_nothing(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory, tls: bool, tmp_path: Path
) -> None:
    where = namespace(installed_plane)
    flag = "--tls" if tls else "--no-tls"
    cr = {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "metadata": {"name": "sample", "namespace": where},
        "spec": {"reportOptions": {"replicas": 1}, "networkPolicies": {"coreConfig": {"egressEnabled": True}}},
    }
    before = run(installed_plane, "diff", flag, "-", cr=cr)
    assert before.returncode == 1, before.stderr
    assert f"# create Service {where}/sample" in before.stdout
    operator(installed_plane, env={"DISABLE_SERVICE_TLS": "false" if tls else "true"})
    live = installed_plane.api.create(cr)

    def ready() -> bool:
        found = installed_plane.api.get(constants.API_VERSION, constants.KIND, "sample", where)
        return condition(found, "Ready").get("status") == "True"

    eventually(ready, 60, "the instance is Ready")
    shown = run(installed_plane, "status", "sample", "-n", where, "-o", "json", cr=None)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    [instance] = json.loads(shown.stdout)["instances"]
    assert instance["unreadable"] == []
    [no_statistics] = instance["volumesNotMeasured"]  # nodes of kwok have no kubelet
    assert no_statistics.endswith("so the use of its volumes is not shown."), no_statistics
    assert {"Deployment", "Secret", "Service", "PersistentVolumeClaim"} <= {o["kind"] for o in instance["objects"]}
    assert all(each["good"] for each in instance["objects"])
    assert all(each["daysLeft"] > 30 for each in instance["certificates"])
    assert bool(instance["certificates"]) == tls
    archive = tmp_path / "archive.tar.gz"
    gathered = run(installed_plane, "must-gather", "sample", "-n", where, "-f", str(archive), cr=None)
    assert gathered.returncode == 0, gathered.stdout + gathered.stderr
    secret = installed_plane.api.get("v1", "Secret", "sample-db", where)
    with tarfile.open(archive) as files:
        texts = {entry.name: files.extractfile(entry).read().decode() for entry in files}  # type: ignore[union-attr]
    assert f"cryostat-must-gather/{where}/sample/{where}/secret-sample-db.yaml" in texts
    for value in secret["data"].values():
        plain = base64.b64decode(value).decode()
        assert [name for name, text in texts.items() if value in text or plain in text] == []
    after = run(installed_plane, "diff", flag, "-", cr=live)
    assert (after.returncode, after.stdout) == (0, ""), after.stdout + after.stderr
    changed = {**live, "spec": {**live["spec"], "reportOptions": {"replicas": 2}}}
    drift = run(installed_plane, "diff", flag, "-", cr=changed)
    assert "# replace Deployment" in drift.stdout
    assert "spec.replicas" in drift.stdout
    assert drift.stdout.count("\n# ") == 0


def test_status_says_what_the_user_may_not_read(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory
) -> None:
    where = namespace(installed_plane)
    head = {"apiVersion": constants.API_VERSION, "kind": constants.KIND}
    api, kubectl = installed_plane.api, installed_plane.kubectl
    api.create({**head, "metadata": {"name": "sample", "namespace": where}, "spec": {}})
    resource = f"{constants.PLURAL}.{constants.GROUP}"
    kubectl("create", "role", "reader", "-n", where, "--verb=get,list", f"--resource={resource}")
    kubectl("create", "rolebinding", "reader", "-n", where, "--role=reader", f"--serviceaccount={where}:default")
    kubeconfig = installed_plane.kubeconfig_for("default", where)

    def status(*options: str) -> tuple[int, str]:
        done = run(installed_plane, "status", "sample", "-n", where, *options, cr=None, kubeconfig=kubeconfig)
        assert done.stderr == ""
        return done.returncode, done.stdout

    eventually(lambda: status()[0] == 1, what="the user may read a Cryostat that is not ready")
    operator(installed_plane)
    eventually(lambda: status()[0] == 0, 60, "the instance is Ready")
    code, text = status()
    assert code == 0, text
    _, _, not_shown = text.partition("\nNot shown\n")
    plurals = ("pods", "secrets", "deployments", "persistentvolumeclaims")
    lists = [f"You may not list {plural} in namespace {where}, so they are not shown." for plural in plurals]
    operator_sentence = "You may not read the Deployment and the Lease of the operator, so it is not checked whether"
    assert [sentence for sentence in (*lists, operator_sentence) if sentence not in not_shown] == [], text
    [instance] = json.loads(status("-o", "json")[1])["instances"]
    assert (instance["ready"], instance["objects"], instance["pods"]) == (True, [], [])
    assert set(lists) <= set(instance["unreadable"])
    listed = run(installed_plane, "status", "-A", cr=None, kubeconfig=kubeconfig)
    assert (listed.returncode, listed.stdout, "Error: " in listed.stderr) == (2, "", True), listed.stderr


def test_kubectl_completes_the_commands_of_the_plugin(installed_plane: ControlPlane) -> None:
    env = {**os.environ, "PATH": os.pathsep.join([str(PROGRAM.parent), os.environ["PATH"]])}
    command = [str(installed_plane.programs["kubectl"]), "__complete", "cryostat", "sta"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.stdout.startswith("status\t"), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == ":4"


def test_values_of_the_helm_chart_become_a_cryostat_that_is_accepted(
    installed_plane: ControlPlane, namespace: NamespaceFactory
) -> None:
    where = namespace(installed_plane)
    values = {
        "core": {
            "ingress": {"enabled": True, "hosts": [{"host": "jfr.example.com", "paths": [{"path": "/"}]}]},
            "discovery": {"kubernetes": {"namespaces": [where], "portNumbers": [9010]}},
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "resources": {"limits": {"memory": "1Gi"}},
            "securityContext": {"runAsUser": 1000},
        },
        "db": {"pvc": {"enabled": True, "storage": "1Gi", "selector": {"matchLabels": {"a": "b"}}}},
        "storage": {"provider": {"url": "https://s3.example.com", "region": "eu"}, "storageSecretName": "s3"},
        "reports": {"replicas": 2, "tolerations": [{"operator": "Exists"}]},
        "authentication": {"basicAuth": {"enabled": True, "secretName": "users", "filename": "htpasswd"}},
        "podAnnotations": {"example.com/a": "b"},
    }
    done = run(installed_plane, "convert-values", "-", "-n", where, cr=values)
    assert done.returncode == 0, done.stderr
    assert installed_plane.api.create(yaml.safe_load(done.stdout))["spec"]["reportOptions"]["replicas"] == 2


def test_values_as_helm_prints_them_become_an_instance_that_its_ingress_reaches_by_https(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory
) -> None:
    api, where = installed_plane.api, namespace(installed_plane)
    operator(installed_plane, {"DISABLE_SERVICE_TLS": "false"})
    ingress = {
        "enabled": True,
        "className": "nginx",
        "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
        "hosts": [{"host": "jfr.example.com", "paths": [{"path": "/", "pathType": "Prefix"}]}],
        "tls": [{"secretName": "jfr-tls", "hosts": ["jfr.example.com"]}],
    }
    printed = f"USER-SUPPLIED VALUES:\n{yaml.safe_dump({'core': {'ingress': ingress}})}"
    command = [str(PROGRAM), "convert-values", "-", "-n", where]
    done = subprocess.run(command, input=printed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "note: core.ingress" in done.stderr
    cr = api.create(yaml.safe_load(done.stdout))
    name = cr["metadata"]["name"]
    head = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass"}
    classes = {"nginx": "k8s.io/ingress-nginx", "other": "example.com/other"}
    made = [
        api.create({**head, "metadata": {"name": key}, "spec": {"controller": value}}) for key, value in classes.items()
    ]
    try:

        def annotations() -> dict[str, str]:
            found = api.get("networking.k8s.io/v1", "Ingress", name, where)["metadata"]["annotations"]
            assert "nginx.ingress.kubernetes.io/backend-protocol" in found
            return dict(found)

        assert eventually(annotations, what="the Ingress") == {
            **ingress["annotations"],  # type: ignore[dict-item]
            "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
            "nginx.org/ssl-services": name,
            constants.ANNOTATION_INGRESS_CLASS: "nginx",
        }
        core = {"coreConfig": {"ingressSpec": {"ingressClassName": "other"}}}
        api.patch(cr, {"spec": {"networkOptions": core}})

        def is_reported() -> bool:
            exposed = condition(api.get(constants.API_VERSION, constants.KIND, name, where), "Exposed")
            return "IngressClass other" in exposed["message"] and "by HTTPS" in exposed["message"]

        eventually(is_reported, what="the condition names the controller that the operator does not know")
        # An Argo CD application of this name must not delete the Service, which has no owner reference.
        callback = api.get("v1", "Service", names.agent_callback_service(where, name), where)["metadata"]
        assert callback["labels"]["app.kubernetes.io/instance"] == name
        assert "Prune=false" in callback["annotations"]["argocd.argoproj.io/sync-options"]
    finally:
        for each in made:
            api.delete({**head, **each})


def test_a_missing_cluster_is_reported_in_one_line(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k != "KUBECONFIG"} | {"HOME": str(tmp_path)}
    cr = yaml.safe_dump({"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": {"name": "a"}})
    done = subprocess.run([PROGRAM, "diff", "-"], input=cr, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: no cluster")
