"""Every documented installation on an empty cluster, until a Cryostat is Ready.

Each test uses the manifests without changes: the Deployment with its arguments and variables, the ServiceAccount, and
webhooks that the API server calls by Service.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from cryptography import x509

from cryostat_operator.api import constants
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.cluster import openshift
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.cert_manager import CertManager
from tests.cluster.certificates import ServingCertificate, write_client_certificates, write_serving_certificate
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.kubectl import KubectlError
from tests.cluster.operator_process import CRD, DEPLOYMENT, NAMESPACE, ROOT, SERVICE_ACCOUNT
from tests.cluster.pod import Pod, deployment
from tests.cluster.router import Router
from tests.cluster.service_ca import ServiceCa
from tests.cluster.services import Services
from tests.cluster.webhooks import ADMISSION, MUTATING, VALIDATING

FILES = ("-f", "crds/", "-f", "manifests/")  # docs/test_commands.py applies them to an empty cluster
WAYS = {
    "manifests": ("-k", "manifests/"),
    "cert-manager": ("-k", "overlays/cert-manager"),
    "openshift": ("-k", "overlays/openshift"),
}
SERVICE = "cryostat-operator-webhook-service"
MOUNTED, OWN = "cryostat-operator-webhook-server-cert", "cryostat-operator-webhook-certificate"
SECRETS = {"manifests": OWN, "cert-manager": MOUNTED, "openshift": MOUNTED}


@dataclass
class Installed:
    """One cluster with an installation."""

    way: str
    plane: ControlPlane
    services: Services
    directory: Path
    pods: list[Pod] = field(default_factory=list)
    service_ca: ServiceCa | None = None
    clients: dict[str, ServingCertificate] = field(default_factory=dict)

    @property
    def api(self) -> Api:
        return self.plane.api

    def apply(self, arguments: tuple[str, ...] = ()) -> list[str]:
        """Install, by default with the arguments of this cluster. Returns the output of kubectl for each object."""
        arguments = tuple(str(ROOT / each) if "/" in each else each for each in arguments or WAYS[self.way])
        return self.plane.kubectl("apply", *arguments).splitlines()

    def run(self) -> Pod:
        """Start the operator's container and direct the Service to it."""
        pod = Pod(self.api, self.directory / f"pod-{len(self.pods)}")
        self.pods.append(pod)
        address = self.api.get("v1", "Service", SERVICE, NAMESPACE)["spec"]["clusterIP"]
        self.services.forward(f"{address}:443", pod.webhook_port)
        pod.wait_ready()
        return pod

    def registered(self) -> list[Object]:
        """The objects that register webhooks: both configurations and the CRD."""
        found = [self.api.get(ADMISSION, "MutatingWebhookConfiguration", MUTATING)]
        found.append(self.api.get(ADMISSION, "ValidatingWebhookConfiguration", VALIDATING))
        return [*found, self.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)]

    def bundles(self) -> set[str]:
        """Every registered authority, in base64."""
        mutating, validating, definition = self.registered()
        clients = [each["clientConfig"] for obj in (mutating, validating) for each in obj.get("webhooks") or []]
        clients.append(definition["spec"]["conversion"]["webhook"]["clientConfig"])
        return {each.get("caBundle", "") for each in clients}

    def registration_checks(self, mark: int) -> int:
        """The number of checks of the registration by the operator since a `plane.audit_mark()`."""
        events = self.plane.audit_since(mark, user=f":{SERVICE_ACCOUNT}")
        return sum(1 for event in events if (event.get("objectRef") or {}).get("name") == MUTATING)


@pytest.fixture(scope="module", params=list(WAYS))
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A new cluster with an installation. Its operator does not run yet."""
    with ExitStack() as stack:
        services = stack.enter_context(Services())
        clients, options = {}, Options(apiserver_args=services.apiserver_args)
        if request.param == "manifests":
            directory = tmp_path_factory.mktemp("clients")
            clients = write_client_certificates(directory, "kube-apiserver", "node")
            options = presenting(clients["kube-apiserver"], directory, services.apiserver_args)
        plane = stack.enter_context(ControlPlane(options))
        if request.param == "cert-manager":
            stack.enter_context(CertManager(plane)).inject()
        found = Installed(request.param, plane, services, tmp_path_factory.mktemp("installed"), clients=clients)
        if request.param == "openshift":
            openshift.install(plane.api)
            stack.enter_context(Router(plane.api))
            found.service_ca = stack.enter_context(ServiceCa(plane.api))
            found.service_ca.injecting = False
        found.apply()
        yield found
        for pod in found.pods:
            pod.kill()
            print(f"--- log of the operator ---\n{pod.tail(200)}")


@pytest.fixture(scope="module")
def running(installed: Installed) -> Installed:
    """The `installed` cluster with a running operator, after its certificate exists."""
    installed.run()
    return installed


def test_objects_can_be_written_before_the_operator_runs(installed: Installed) -> None:
    assert not installed.pods, "the operator runs already"
    made = eventually(lambda: installed.api.create(cryostat("early"), dryRun="All"), what="Cryostats are served")
    assert "targetNamespaces" not in made.get("spec", {})


def test_pods_are_admitted_where_pod_security_is_restricted(installed: Installed) -> None:
    namespace = installed.api.get("v1", "Namespace", NAMESPACE)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    def available() -> bool:
        found = deployment(installed.api)
        failures = [
            each["message"] for each in found["status"].get("conditions", []) if each["type"] == "ReplicaFailure"
        ]
        assert not failures, failures
        return bool(found["status"].get("readyReplicas") == found["spec"]["replicas"])

    eventually(available, what="the operator's pods are admitted and run")


def test_the_operator_serves_webhooks_before_the_authority_is_registered(running: Installed) -> None:
    """The mounted certificate itself is registered until the injector registers its authority."""

    def defaulted() -> bool:
        made = running.api.create(cryostat("first"), dryRun="All")
        return bool(made["spec"]["targetNamespaces"] == ["default"])

    eventually(defaulted, what="the API server calls the operator")
    single_bundle(running.bundles())
    if running.service_ca:
        running.service_ca.injecting = True


def test_the_api_server_calls_the_operator(running: Installed) -> None:
    made = running.api.create(cryostat("asked"), dryRun="All")
    assert made["spec"]["targetNamespaces"] == ["default"]
    running.api.apply(role("writers"))
    running.api.apply(binding("writers", "author"))
    author = running.api.impersonating("author")
    eventually(lambda: author.create(cryostat("allowed"), dryRun="All"), what="the binding has an effect")
    with pytest.raises(ApiError, match="kube-system") as refused:
        author.create(cryostat("refused", targetNamespaces=["kube-system"]), dryRun="All")
    assert refused.value.code == 403
    assert "denied the request" in refused.value.message


def test_the_authority_of_the_issuer_is_registered(running: Installed) -> None:
    issued = running.api.get("v1", "Secret", SECRETS[running.way], NAMESPACE)["data"]

    def injected() -> str:
        [bundle] = single_bundle(running.bundles())
        if running.way == "openshift":  # the service CA does not write its authority into Secrets
            [leaf] = x509.load_pem_x509_certificates(base64.b64decode(issued["tls.crt"]))
            [authority] = x509.load_pem_x509_certificates(base64.b64decode(bundle))
            assert leaf.issuer == authority.subject
            leaf.verify_directly_issued_by(authority)
        else:
            assert bundle == issued["ca.crt"]
        return bundle

    assert eventually(injected, what="the authority of the certificate is registered")


def test_a_wrong_authority_is_corrected_by_its_owner(running: Installed, tmp_path: Path) -> None:
    """The owner is the injector, if there is one. The operator does not change entries of an injector."""
    right = single_bundle(running.bundles())
    wrong = base64.b64encode(write_serving_certificate(tmp_path, "nowhere").ca.read_bytes()).decode()
    mutating, validating, definition = running.registered()
    for obj in (mutating, validating):
        at = [f"/webhooks/{number}/clientConfig/caBundle" for number in range(len(obj["webhooks"]))]
        running.api.patch(obj, [{"op": "replace", "path": path, "value": wrong} for path in at])
    at_conversion = "/spec/conversion/webhook/clientConfig/caBundle"
    running.api.patch(definition, [{"op": "replace", "path": at_conversion, "value": wrong}])
    eventually(
        lambda: single_bundle(running.bundles()) == right, 60, "the right authority is registered again", interval=0.5
    )


def test_prometheus_can_verify_the_certificate(running: Installed) -> None:
    """By the ServiceMonitor for this way of installation."""
    folder = "manifests/monitoring" if running.way == "manifests" else f"overlays/{running.way}/monitoring"
    objects = yaml.safe_load_all(running.plane.kubectl("kustomize", ROOT / folder))
    [monitor] = [obj for obj in objects if obj["kind"] == "ServiceMonitor"]
    tls = monitor["spec"]["endpoints"][0]["tlsConfig"]
    if running.way == "openshift":  # it publishes the registered authority in each namespace
        assert tls["ca"] == {"configMap": {"name": "openshift-service-ca.crt", "key": "service-ca.crt"}}
        [authority] = eventually(lambda: single_bundle(running.bundles()), what="one authority is registered")
    else:
        ca = tls["ca"]["secret"]
        authority = running.api.get("v1", "Secret", ca["name"], NAMESPACE)["data"][ca["key"]]
    context = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
    with socket.create_connection(("127.0.0.1", running.pods[-1].webhook_port)) as plain:
        context.wrap_socket(plain, server_hostname=tls["serverName"]).close()


def test_applying_again_changes_nothing_and_no_client_reverts_another(running: Installed) -> None:
    """Another `kubectl apply` keeps the webhooks and their authorities, and the operator then changes none of them."""
    budget = running.api.get("policy/v1", "PodDisruptionBudget", DEPLOYMENT, NAMESPACE)
    eventually(lambda: single_bundle(running.bundles()), what="one authority is registered")
    before = running.registered()
    assert all(len(each["webhooks"]) > 0 for each in before[:2])
    again = running.apply()
    assert f"deployment.apps/{DEPLOYMENT} unchanged" in again
    assert changed(again) == []
    if running.way == "manifests":
        assert changed(running.apply(FILES)) == [], "both ways install the same objects"
    after = running.api.get("policy/v1", "PodDisruptionBudget", DEPLOYMENT, NAMESPACE)
    assert after["metadata"]["generation"] == budget["metadata"]["generation"]
    mark = running.plane.audit_mark()
    eventually(lambda: running.registration_checks(mark) >= 2, 60, "the registration is checked twice more", 1.0)
    assert running.registered() == before


def test_the_sample_becomes_ready(running: Installed) -> None:
    name = "openshift-external-host" if running.way == "openshift" else "cryostat-sample"
    running.plane.kubectl("apply", "-f", ROOT / f"manifests/samples/{name}.yaml")
    [made] = running.api.list(constants.API_VERSION, constants.KIND)

    def ready() -> bool:
        found = running.api.get(constants.API_VERSION, constants.KIND, made["metadata"]["name"], "default")
        assert condition(found, "Ready").get("status") == "True", condition(found, "Ready")
        return True

    eventually(ready, 60, "the sample is Ready")
    old = running.api.request("GET", f"/apis/{constants.GROUP}/v1beta1/namespaces/default/{constants.PLURAL}")
    assert [each["metadata"]["name"] for each in old["items"]] == [made["metadata"]["name"]]


def test_a_lost_certificate_is_replaced_and_trusted(running: Installed) -> None:
    lost = running.api.get("v1", "Secret", SECRETS[running.way], NAMESPACE)
    running.api.delete(lost)

    def replaced() -> bool:
        found = running.api.find("v1", "Secret", SECRETS[running.way], NAMESPACE) or lost
        return bool(found["data"].get("tls.crt", lost["data"]["tls.crt"]) != lost["data"]["tls.crt"])

    eventually(replaced, 60, "another certificate")
    log = running.pods[-1].log
    eventually(lambda: "with a new certificate" in log.read_text(), what="the operator serves the certificate")
    eventually(lambda: running.api.create(cryostat("again"), dryRun="All"), what="its authority is registered")
    assert single_bundle(running.bundles())


def test_a_new_pod_keeps_the_registration(running: Installed) -> None:
    before = running.registered()
    running.pods[-1].kill()
    with pytest.raises(ApiError, match="failed calling webhook"):
        running.api.create(cryostat("meanwhile"), dryRun="All")
    running.run()
    assert running.api.create(cryostat("after"), dryRun="All")["spec"]["targetNamespaces"] == ["default"]
    assert running.registered() == before


def test_the_operator_can_be_restricted_to_chosen_namespaces(running: Installed, tmp_path: Path) -> None:
    if running.way == "manifests":
        return  # see test_chosen_namespaces.py
    for each in ("crds", "manifests", "overlays"):
        shutil.copytree(ROOT / each, tmp_path / each)
    file = tmp_path / "overlays/namespaces/kustomization.yaml"
    file.write_text(file.read_text().replace("- ../../manifests", f"- ../{running.way}"))
    for name in ("monitoring", "shop"):
        running.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    before = running.registered()
    running.plane.kubectl("apply", "-k", file.parent)
    running.pods[-1].kill()
    mark = running.plane.audit_mark()
    running.run()
    running.api.create(cryostat("there", "monitoring", targetNamespaces=["monitoring", "shop"]), dryRun="All")
    with pytest.raises(ApiError, match="the operator does not serve namespace default"):
        running.api.create(cryostat("refused"), dryRun="All")
    assert running.registered() == before
    requests = running.plane.audit_since(mark, user=f":{SERVICE_ACCOUNT}")
    assert [each["requestURI"] for each in requests if each["responseStatus"]["code"] == 403] == []


def test_where_a_certificate_is_required_only_the_api_server_is_answered(running: Installed) -> None:
    """The API server presents its certificate to this Service, and no caller without it gets an answer."""
    if running.way != "manifests":
        return  # only the API server of this cluster has a certificate
    found = deployment(running.api)
    [container] = found["spec"]["template"]["spec"]["containers"]
    env = [*container["env"], {"name": "WEBHOOK_CLIENT_CERTIFICATE", "value": "required"}]
    containers = [{**container, "env": env}]
    running.api.patch(found, {"spec": {"template": {"spec": {"containers": containers}}}})
    running.pods[-1].kill()
    pod = running.run()
    assert running.api.create(cryostat("known"), dryRun="All")["spec"]["targetNamespaces"] == ["default"]
    author = running.api.impersonating("author")
    with pytest.raises(ApiError, match="may not create cryostats"):
        author.create(cryostat("refused", targetNamespaces=["kube-system"]), dryRun="All")
    request = {"uid": "1", "operation": "CREATE", "namespace": "default", "object": cryostat("forged")}
    user = {"userInfo": {"username": "admin", "groups": ["system:masters"]}}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**request, **user}}
    expected = {"": (403, "presented no client certificate"), "node": (403, "presented no client certificate")}
    for name, (status, text) in {**expected, "kube-apiserver": (200, '"allowed":true')}.items():
        answer = post(pod, review, running.clients.get(name))
        assert (answer.status, text in answer.data.decode()) == (status, True), (name, answer.data)
    _, metrics = pod.get("/metrics")
    for caller in ("api_server", "unverified"):
        assert f'webhook_requests_total{{caller="{caller}",path="{WebhookPaths.VALIDATE}"}}' in metrics


def post(pod: Pod, review: Object, client: ServingCertificate | None) -> urllib3.BaseHTTPResponse:
    """Send a review as a program in the cluster can, with or without a client certificate."""
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    files: dict[str, Any] = {"cert_file": str(client.certificate), "key_file": str(client.key)} if client else {}
    pool = urllib3.PoolManager(cert_reqs="CERT_NONE", assert_hostname=False, retries=False, **files)
    url = f"https://127.0.0.1:{pod.webhook_port}{WebhookPaths.VALIDATE}"
    return pool.request("POST", url, body=json.dumps(review), headers={"Content-Type": "application/json"})


def presenting(client: ServingCertificate, directory: Path, apiserver_args: Sequence[str]) -> Options:
    """Options of an API server that presents a client certificate to the Service of the operator."""
    user = {"client-certificate": str(client.certificate), "client-key": str(client.key)}
    users = [{"name": f"{SERVICE}.{NAMESPACE}.svc", "user": user}]
    config = directory / "webhooks.kubeconfig"
    config.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "users": users}))
    group = "apiserver.config.k8s.io/v1"
    settings = {"apiVersion": group, "kind": "WebhookAdmissionConfiguration", "kubeConfigFile": str(config)}
    plugins = [{"name": f"{kind}AdmissionWebhook", "configuration": settings} for kind in ("Mutating", "Validating")]
    admission = {"apiVersion": group, "kind": "AdmissionConfiguration", "plugins": plugins}
    return Options(apiserver_args=(*apiserver_args, f"--client-ca-file={client.ca}"), admission_config=admission)


def test_objects_for_prometheus_are_installed_separately(installed: Installed) -> None:
    """The cluster does not have the kinds of the Prometheus operator, and the installation still succeeds."""
    with pytest.raises(KubectlError, match="ServiceMonitor"):
        installed.plane.kubectl("apply", "-k", ROOT / "manifests/monitoring")


def changed(lines: list[str]) -> list[str]:
    """Lines of objects that kubectl changed. It reports each PodDisruptionBudget as `configured`, because it sends the
    selector with the directive to replace it.
    """
    return [line for line in lines if not line.endswith(" unchanged") and not line.startswith("poddisruptionbudget")]


def single_bundle(bundles: set[str]) -> list[str]:
    assert len(bundles) == 1, f"{len(bundles)} authorities"
    assert "" not in bundles
    return list(bundles)


def cryostat(name: str, namespace: str = "default", **spec: object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": metadata, "spec": spec}


def role(name: str) -> Object:
    metadata = {"name": name, "namespace": "default"}
    rules = [{"apiGroups": [constants.GROUP], "resources": [constants.PLURAL], "verbs": ["create"]}]
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}


def binding(name: str, user: str) -> Object:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": "default"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
