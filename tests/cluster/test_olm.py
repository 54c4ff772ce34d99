"""The bundle, installed by the real olm-operator, until a Cryostat is Ready."""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
import yaml
from cryptography import x509

from cryostat_operator.api import constants, v1beta1
from cryostat_operator.packaging.catalog import CHANNEL
from cryostat_operator.packaging.clusterserviceversion import PACKAGE, VERSION
from cryostat_operator.plan.model import webhook_definitions as wanted
from cryostat_operator.settings import INSTALLED_BY_OLM
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.olm import CSV, Olm, bundle, run_container, suggested_namespace
from tests.cluster.operator_process import CRD, DEPLOYMENT, ROOT, SERVICE_ACCOUNT, WEBHOOKS, OperatorProcess
from tests.cluster.service_network import ServiceNetwork

SERVICE = f"{DEPLOYMENT}-service"
ADMISSION = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True)
class Installed:
    """A cluster where OLM has installed the bundle."""

    plane: ControlPlane
    network: ServiceNetwork
    csv: Object

    @property
    def api(self) -> Api:
        return self.plane.api

    @property
    def namespace(self) -> str:
        return str(self.csv["metadata"]["namespace"])

    @property
    def deployment(self) -> Object:
        return self.api.get("apps/v1", "Deployment", DEPLOYMENT, self.namespace)

    def configurations(self) -> list[Object]:
        """The webhook configurations that OLM created."""
        selector = f"olm.owner={self.csv['metadata']['name']}"
        return [obj for kind in WEBHOOKS for obj in self.api.list(ADMISSION, kind, labelSelector=selector)]

    def conversion(self) -> Object:
        found: Object = self.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)["spec"]["conversion"]
        return found

    def authority(self) -> str:
        """The authority that OLM registered, in base64."""
        secret = self.api.get("v1", "Secret", f"{SERVICE}-cert", self.namespace)
        return str(secret["data"]["olmCAKey"])


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    with ExitStack() as stack:
        network = stack.enter_context(ServiceNetwork())
        plane = stack.enter_context(ControlPlane(Options(apiserver_args=network.apiserver_args)))
        network.api = plane.api
        olm = stack.enter_context(Olm(plane))
        objects = bundle()
        (csv,) = (obj for obj in objects if obj["kind"] == CSV[1])
        yield Installed(plane, network, olm.install(objects, suggested_namespace(csv)))


@pytest.fixture(scope="module")
def operator(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator's container. It runs with the account of the ClusterServiceVersion."""
    process = run_container(
        installed.plane, installed.network, installed.deployment, tmp_path_factory.mktemp("operator")
    )
    try:
        process.wait_ready()
        yield process
    finally:
        process.stop()
        print(f"--- log of the operator ---\n{process.tail(100)}")


@pytest.fixture(scope="module")
def ready(installed: Installed, operator: OperatorProcess) -> Object:
    """A Cryostat that is Ready."""
    installed.api.create(cryostat(constants.API_VERSION, "ready", reportOptions={"replicas": 1}))

    def there() -> Object | None:
        body = installed.api.get(constants.API_VERSION, constants.KIND, "ready", "default")
        found = condition(body, "Ready")
        assert found.get("status") == "True", found
        return body

    return eventually(there, 90, "the Cryostat is Ready") or {}


def cryostat(api_version: str, name: str, **spec: object) -> Object:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": api_version, "kind": constants.KIND, "metadata": metadata, "spec": spec}


# --- objects that OLM creates ---


def test_all_requirements_are_met(installed: Installed) -> None:
    status = installed.csv["status"]
    assert (status["phase"], status["reason"]) == ("Succeeded", "InstallSucceeded")
    statuses = {each["kind"]: each["status"] for each in status["requirementStatus"]}
    assert statuses.keys() >= {"CustomResourceDefinition", "ServiceAccount", "ClusterServiceVersion"}
    assert set(statuses.values()) == {"Present"}


def test_the_pods_are_restricted_and_know_that_olm_installed_them(installed: Installed) -> None:
    template = installed.deployment["spec"]["template"]
    assert template["metadata"]["annotations"]["openshift.io/required-scc"] == "restricted-v2"
    env = {each["name"]: each.get("value") for each in template["spec"]["containers"][0]["env"]}
    assert env["OPERATOR_CONDITION_NAME"] == installed.csv["metadata"]["name"]
    namespace = installed.api.get("v1", "Namespace", installed.namespace)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert installed.deployment["status"]["availableReplicas"] == installed.deployment["spec"]["replicas"]


def test_the_service_selects_only_the_operator(installed: Installed) -> None:
    service = installed.api.get("v1", "Service", SERVICE, installed.namespace)
    assert service["spec"]["selector"] == installed.deployment["spec"]["selector"]["matchLabels"]
    [port] = service["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (443, 9443)


def test_prometheus_can_read_the_metrics_with_the_documented_settings(
    installed: Installed, operator: OperatorProcess
) -> None:
    """By the ServiceMonitor of `manifests/monitoring` with the `tlsConfig` of docs/network.md."""
    found = re.search(
        r"^```text\n(tlsConfig:\n.*?)^```$", (ROOT / "docs/network.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert found
    tls = yaml.safe_load(found[1].replace("NAMESPACE", installed.namespace))["tlsConfig"]
    assert tls.keys() == {"serverName", "ca"}
    ca, server = tls["ca"]["secret"], tls["serverName"]
    authority = installed.api.get("v1", "Secret", ca["name"], installed.namespace)["data"][ca["key"]]
    context = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
    for path in ("metrics-reader.yaml", "service-monitor.yaml"):
        for obj in yaml.safe_load_all((ROOT / "manifests/monitoring" / path).read_text()):
            if obj["kind"] != "ServiceMonitor":
                installed.api.apply(obj)
                continue
            [service] = installed.api.list(
                "v1",
                "Service",
                installed.namespace,
                labelSelector=selector_text(obj["spec"]["selector"]["matchLabels"]),
            )
            [port] = service["spec"]["ports"]
            assert port["name"] == obj["spec"]["endpoints"][0]["port"]
            assert obj["spec"]["namespaceSelector"] == {"matchNames": [installed.namespace]}
    local = installed.network.ports[installed.namespace, port["targetPort"]]
    token = installed.api.token_for("cryostat-operator-metrics-scraper", installed.namespace)
    pool = urllib3.HTTPSConnectionPool(
        "127.0.0.1", local, ssl_context=context, server_hostname=server, assert_hostname=server, retries=False
    )
    statuses = [
        pool.request("GET", "/metrics", headers=headers).status
        for headers in ({}, {"Authorization": f"Bearer {token}"})
    ]
    assert statuses == [401, 200]


def selector_text(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def test_the_certificate_is_valid_for_the_service(installed: Installed) -> None:
    secret = installed.api.get("v1", "Secret", f"{SERVICE}-cert", installed.namespace)
    leaf = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert f"{SERVICE}.{installed.namespace}.svc" in alternatives.get_values_for_type(x509.DNSName)


def test_every_webhook_is_registered_at_its_path(installed: Installed) -> None:
    found = {each["name"]: each for obj in installed.configurations() for each in obj["webhooks"]}
    expected = {each["name"]: each for each in (*wanted.mutating(), *wanted.validating())}
    assert found.keys() == expected.keys()
    for name, webhook in expected.items():
        service = {"name": SERVICE, "namespace": installed.namespace, "path": webhook["path"], "port": 443}
        assert found[name]["clientConfig"] == {"caBundle": installed.authority(), "service": service}
        assert found[name]["rules"] == webhook["rules"]
        assert found[name]["failurePolicy"] == webhook["failurePolicy"]
        assert found[name]["objectSelector"] == webhook.get("objectSelector", {})


def test_conversion_is_registered_with_the_service(installed: Installed) -> None:
    client = installed.conversion()["webhook"]["clientConfig"]
    service = {"name": SERVICE, "namespace": installed.namespace, "path": "/convert", "port": 443}
    assert client == {"caBundle": installed.authority(), "service": service}


def test_documented_resources_are_valid(installed: Installed) -> None:
    text = (ROOT / "docs/install-olm.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
    objects = [obj for block in blocks for obj in yaml.safe_load_all(block)]
    assert {obj["kind"] for obj in objects} == {"Namespace", "CatalogSource", "OperatorGroup", "Subscription"}
    for obj in objects:
        installed.api.apply(obj, dryRun="All")
    subscriptions = [obj["spec"] for obj in objects if obj["kind"] == "Subscription"]
    assert {(each["name"], each["channel"]) for each in subscriptions} == {(PACKAGE, CHANNEL)}
    assert f":{VERSION}" in text


# --- the operator ---


def test_a_cryostat_becomes_ready(installed: Installed, ready: Object) -> None:
    assert ready["spec"]["targetNamespaces"] == ["default"]  # set by the defaulting webhook
    assert {each.namespace for each in installed.network.called} == {installed.namespace}


def test_the_former_version_is_converted(installed: Installed, operator: OperatorProcess) -> None:
    installed.api.create(cryostat(v1beta1.API_VERSION, "former", minimal=False))
    new = installed.api.get(constants.API_VERSION, constants.KIND, "former", "default")
    old = installed.api.get(v1beta1.API_VERSION, constants.KIND, "former", "default")
    assert "minimal" not in new["spec"]
    assert old["spec"]["minimal"] is False


def test_the_examples_are_accepted_as_they_are(installed: Installed, operator: OperatorProcess) -> None:
    for example in json.loads(installed.csv["metadata"]["annotations"]["alm-examples"]):
        made = installed.api.create({**example, "metadata": {"name": "example", "namespace": "default"}}, dryRun="All")
        assert made["spec"].items() >= example["spec"].items()


def test_a_user_without_permission_is_refused(installed: Installed, operator: OperatorProcess) -> None:
    user = installed.api.impersonating("mallory")
    rules = [{"apiGroups": [constants.GROUP], "resources": [constants.PLURAL], "verbs": ["*"]}]
    group, meta = "rbac.authorization.k8s.io", {"name": "mallory", "namespace": "default"}
    installed.api.apply({"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": rules})
    binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": meta}
    role = {"apiGroup": group, "kind": "Role", "name": "mallory"}
    subject = {"apiGroup": group, "kind": "User", "name": "mallory"}
    installed.api.apply({**binding, "roleRef": role, "subjects": [subject]})
    user.create(cryostat(constants.API_VERSION, "mine", targetNamespaces=["default"]), dryRun="All")
    with pytest.raises(ApiError, match="mallory") as refusal:
        user.create(cryostat(constants.API_VERSION, "theirs", targetNamespaces=["kube-system"]), dryRun="All")
    assert refusal.value.code == 403


def test_a_pod_with_the_labels_gets_the_agent(installed: Installed, ready: Object) -> None:
    labels = {constants.AGENT_LABEL_NAME: "ready", constants.AGENT_LABEL_NAMESPACE: "default"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "application", "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "application", "image": "example.org/application"}]},
    }
    made = installed.api.create(pod, dryRun="All")
    assert made["spec"]["initContainers"]


def test_the_registration_of_olm_is_not_changed(installed: Installed, operator: OperatorProcess, ready: Object) -> None:
    assert "Serving webhooks" in operator.log.read_text()
    events = installed.plane.audit_since(0, f":{SERVICE_ACCOUNT}")
    touched = [event["requestURI"] for event in events if "webhookconfigurations" in event["requestURI"]]
    assert touched == []
    definitions = {event["verb"] for event in events if "customresourcedefinitions" in event["requestURI"]}
    assert definitions == {"list", "watch"}
    registered_names = [obj["metadata"]["name"] for kind in WEBHOOKS for obj in installed.api.list(ADMISSION, kind)]
    assert not [name for name in registered_names if name.startswith("cryostat-operator-")]
    assert not installed.api.find("v1", "Secret", "cryostat-operator-webhook-certificate", installed.namespace)


def test_the_permissions_of_the_bundle_are_sufficient(installed: Installed, ready: Object) -> None:
    events = installed.plane.audit_since(0, f":{SERVICE_ACCOUNT}")
    refused = [event["requestURI"] for event in events if event["responseStatus"]["code"] == 403]
    assert events
    assert refused == []


def test_without_a_certificate_it_waits_for_olm(installed: Installed, tmp_path: Path) -> None:
    env = {
        INSTALLED_BY_OLM: "true",  # the only sign of OLM v1
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "WEBHOOK_CERT_DIR": str(tmp_path / "empty"),
    }
    waiting = OperatorProcess(installed.api, tmp_path, env)
    try:
        eventually(lambda: "no certificate in" in waiting.log.read_text(), what="the output names what it waits for")
        assert waiting.get("/readyz")[0] != 200
        assert not installed.api.find("v1", "Secret", "cryostat-operator-webhook-certificate", installed.namespace)
    finally:
        waiting.stop()
