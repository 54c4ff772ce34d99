"""Each value of the Helm chart is converted to a field, or is reported as not converted."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.cli import main
from cryostat_operator.helm.convert_values import ConversionError, convert
from cryostat_operator.helm.rule_table import RULES

CHART: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "chart_values.yaml").read_text())
HOST = {"host": "jfr.example.com", "paths": [{"path": "/", "pathType": "Prefix"}]}
BACKEND = {"service": {"name": "cryostat", "port": {"number": 4180}}}
RULE = {"host": "jfr.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}}
RESTRICTED = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
LIMIT = {"limits": {"cpu": "1"}}


def values(path: str, value: Any) -> dict[str, Any]:
    for step in reversed(path.split(".")):
        value = {step: value}
    return dict(value)


def joined(*parts: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = joined(result[key], value) if both else value
    return result


# Expected fields for some values, in the shape of the spec.
BECOMES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (values("core.service.type", "NodePort"), values("serviceOptions.coreConfig.serviceType", "NodePort")),
    (values("db.service.port", 5433), values("serviceOptions.databaseConfig.databasePort", 5433)),
    (values("core.audit.mode", "disabled"), {"enableAudit": False}),
    (values("core.audit.mode", "auto"), {}),
    (values("core.debug.log.level", "DEBUG"), values("loggingOptions.coreLogLevel", "DEBUG")),
    (values("core.discovery.kubernetes.namespaces", ["a", "b"]), {"targetNamespaces": ["a", "b"]}),
    (values("core.discovery.kubernetes.enabled", False),
     values("targetDiscoveryOptions.disableBuiltInDiscovery", True)),
    (values("core.discovery.kubernetes", {"portNumbers": [9091, 9010], "builtInPortNamesDisabled": True}),
     {"targetDiscoveryOptions": {"discoveryPortNumbers": [9091, 9010], "disableBuiltInPortNames": True}}),
    (values("core.databaseSecretName", "keys"), values("databaseOptions.secretName", "keys")),
    (values("core.config.credentials.secretNames", ["a"]), {"declarativeCredentials": [{"secretName": "a"}]}),
    (values("core.ingress", {"enabled": True, "className": "nginx", "hosts": [HOST]}),
     values("networkOptions.coreConfig.ingressSpec", {"rules": [RULE], "ingressClassName": "nginx"})),
    (values("core.ingress", {"enabled": False, "className": "nginx"}), {}),
    (values("core.resources", LIMIT),
     values("resources.coreResources", {"requests": {"cpu": "500m", "memory": "384Mi"}, **LIMIT})),
    (values("grafana.securityContext.runAsUser", 1000),
     values("securityOptions.grafanaSecurityContext",
            {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsUser": 1000})),
    (values("reports.replicas", 2), values("reportOptions.replicas", 2)),
    (values("db.pvc.enabled", False), values("storageOptions.database.emptyDir.enabled", True)),
    (values("db.pvc", {"enabled": True}), {}),
    (values("storage.pvc", {"enabled": True, "storage": "8Gi", "storageClassName": ""}),
     values("storageOptions.objectStorage.pvc.spec",
            {"storageClassName": "", "resources": {"requests": {"storage": "8Gi"}}})),
    (values("authentication.basicAuth", {"enabled": True, "secretName": "u", "filename": "f"}),
     values("authorizationOptions.basicAuth", {"secretName": "u", "filename": "f"})),
    (values("authentication.basicAuth", {"enabled": False, "secretName": "u", "filename": "f"}), {}),
    (values("openshiftOauthProxy.accessReview", {"verb": "get", "namespace": "{{ .Release.Namespace }}"}),
     values("authorizationOptions.openShiftSSO.accessReview",
            {"resource": "pods", "subresource": "exec", "verb": "get"})),
    (joined(values("storage.storageSecretName", "s3"),
            values("storage.provider", {"url": "https://s3.example.com", "region": "eu", "usePathStyleAccess": False})),
     {"objectStorageOptions": {
         "secretName": "s3",
         "provider": {"url": "https://s3.example.com", "region": "eu", "useVirtualHostAccess": True,
                      "disablePresignedDownloads": True}}}),
    (values("storage.provider", {"usePresignedRecordingTransfers": False}),
     values("objectStorageOptions.provider.disablePresignedFileTransfers", True)),
    (values("storage.buckets.names.probes", "x"), {}),
    (values("storage.buckets.names.heapDumps", "x"), {}),
    (joined(values("storage.buckets.names.heapDumps", "x"), values("storage.storageSecretName", "s3"),
            values("storage.provider", {"url": "https://s3.example", "region": "r", "usePresignedDownloads": True})),
     {"objectStorageOptions": {
         "secretName": "s3",
         "provider": {"url": "https://s3.example", "region": "r"},
         "storageBucketNameOptions": {"heapDumps": "x"}}}),
    (values("networkPolicy.ingress.enabled", False),
     {"networkPolicies": {f"{each}Config": {"ingressDisabled": True}
                          for each in ("core", "reports", "database", "storage")}}),
    ({"podAnnotations": {"a": "b"}}, values("operandMetadata.podMetadata.annotations", {"a": "b"})),
    ({"nodeSelector": {"a": "b"}, "reports": {"nodeSelector": {"c": "d"}}},
     {"schedulingOptions": {"nodeSelector": {"a": "b"}},
      "reportOptions": {"schedulingOptions": {"nodeSelector": {"c": "d"}}}}),
    ({"podSecurityContext": {"fsGroup": 7}},
     {"securityOptions": {"podSecurityContext": {**RESTRICTED, "fsGroup": 7}},
      "reportOptions": {"securityOptions": {"podSecurityContext": {**RESTRICTED, "fsGroup": 7}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "spec"), BECOMES, ids=range(len(BECOMES)))
def test_a_value_is_converted_to_a_field(given: dict[str, Any], spec: dict[str, Any]) -> None:
    assert convert(given).cryostat["spec"] == spec


def test_few_defaults_of_the_chart_are_converted() -> None:
    found = convert(CHART)
    volumes = {each: {"emptyDir": {"enabled": True}} for each in ("database", "objectStorage")}
    assert found.cryostat["spec"] == {"reportOptions": {"replicas": 0}, "storageOptions": volumes}
    assert found.not_converted == ()
    assert [note.partition(":")[0] for note in found.notes] == ["authentication"]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


# Values that must be set for others to take effect.
ENABLERS = [
    (".pvc.", ".pvc.enabled", True), ("core.ingress.", "core.ingress.enabled", True),
    ("basicAuth.", "authentication.basicAuth", {"enabled": True, "secretName": "s", "filename": "f"}),
    ("storage.provider.", "storage.provider", {"url": "https://s3.example.com", "region": "r"}),
    ("storage.provider.", "storage.storageSecretName", "s"),
]  # fmt: skip
OTHER = {
    "core.service.type": "NodePort", "reports.service.type": "NodePort", "db.service.type": "NodePort",
    "storage.service.type": "NodePort", "core.debug.log.level": "DEBUG", "core.audit.mode": "enabled",
    "core.ingress.hosts": [HOST], "core.ingress.tls": [{"hosts": ["a.example.com"], "secretName": "t"}],
    "core.discovery.kubernetes.portNumbers": [9010], "storage.provider.metadata.storageMode": "bucket",
    "storage.provider.url": "https://other.example.com", "core.securityContext.capabilities.drop": ["NET_RAW"],
    "db.pvc.selector": {"matchLabels": {"a": "b"}}, "storage.pvc.selector": {"matchLabels": {"a": "b"}},
}  # fmt: skip
SILENT = {  # they set the default
    "authentication.openshift.enabled", "core.route.tls.enabled", "openshiftOauthProxy.accessReview.enabled",
}  # fmt: skip


def changed(path: str, value: Any) -> Any:
    if path in OTHER:
        return OTHER[path]
    if path.endswith("affinity"):
        return {"nodeAffinity": {}, "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}
    if path.endswith("tolerations"):
        return [{"key": "k", "operator": "Exists"}]
    if path.endswith("extra.envVars"):
        return [{"name": "A", "value": "b"}]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if path.endswith((".cpu", ".memory", ".storage")):
        return "3Gi"
    if isinstance(value, list):
        return ["other"]
    return {"other": "x"} if isinstance(value, dict) else "other"


@pytest.mark.parametrize(("path", "value"), list(leaves(CHART)), ids=[path for path, _ in leaves(CHART)])
def test_every_value_is_converted_or_reported(path: str, value: Any) -> None:
    given = copy.deepcopy(CHART)
    for part, enabler, switch in ENABLERS:
        if part in path:
            prefix = path.partition(".")[0] if enabler.startswith(".") else ""
            given = joined(given, values(f"{prefix}{enabler}", switch))
    before = convert(given)
    now = dict(leaves(given)).get(path, value)
    after = convert(joined(given, values(path, None), values(path, changed(path, now))))
    assert after != before or path in SILENT
    Cryostat.model_validate(after.cryostat)


def test_every_rule_refers_to_a_value_of_the_chart() -> None:
    known = {path for path, _ in leaves(CHART)}
    assert [rule for rule in RULES if not any(p == rule or p.startswith(f"{rule}.") for p in known)] == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"minimal": True}, "minimal"),
        ({"core": {"colour": {"dark": True}}}, "core.colour"),
        ({"core": "x"}, "core"),
        (values("core.ingress", "yes"), "core.ingress"),
        (values("core.ingress.class", "nginx"), "core.ingress.class"),
        (values("db.provider.url", "jdbc:postgresql://db"), "db.provider.url"),
        (values("core.config.extra.envVars", [{"name": "A"}]), "core.config.extra.envVars"),
    ],
)
def test_values_that_are_not_converted_are_named(given: dict[str, Any], path: str) -> None:
    [line] = convert(given).not_converted
    assert line.startswith(f"{path}: ")


def test_secret_values_are_not_shown() -> None:
    found = convert(values("core.route.tls", {"key": "PRIVATE", "certificate": "PUBLIC"}))
    assert len(found.not_converted) == 2
    assert "PRIVATE" not in str(found)


def test_invalid_values_are_reported_by_field() -> None:
    with pytest.raises(ConversionError, match=r"spec.*reportOptions.*replicas"):
        convert(values("reports.replicas", "many"))


@pytest.mark.parametrize("mode", [["enabled"], {"enabled": True}, 5])
def test_an_audit_mode_of_another_type_is_reported_by_field(mode: Any) -> None:
    with pytest.raises(ConversionError, match=r"^spec\.enableAudit: "):
        convert(values("core.audit.mode", mode))


def test_numbers_may_be_texts_as_in_a_template() -> None:
    given = joined(values("core.service.httpPort", "9999"), values("reports.replicas", "2"))
    ingress = {"enabled": True, "hosts": [{"host": "a.example.com", "paths": [{"path": "/"}]}]}
    given = joined(given, values("core.ingress", ingress))
    spec = convert(given).cryostat["spec"]
    assert spec["serviceOptions"]["coreConfig"]["httpPort"] == 9999
    assert spec["reportOptions"]["replicas"] == 2
    [rule] = spec["networkOptions"]["coreConfig"]["ingressSpec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["port"] == {"number": 9999}


@pytest.mark.parametrize(("given", "text"), [(0.5, "0.5"), (1e9, "1000000000.0"), (1e-3, "0.001")])
def test_fractions_become_texts(given: float, text: str) -> None:
    found = convert(values("core.resources.requests.cpu", given)).cryostat["spec"]
    assert found["resources"]["coreResources"]["requests"]["cpu"] == text


def test_the_output_has_no_aliases() -> None:
    assert "&" not in run("podSecurityContext: {fsGroup: 7}\nnodeSelector: {a: b}\n").stdout


def run(text: str, *arguments: str) -> Any:
    return CliRunner().invoke(main, ["convert-values", "-", *arguments], input=text)


def test_the_command_prints_one_cryostat_and_names_the_rest() -> None:
    done = run("core: {sslProxied: true}\nfullnameOverride: jfr\n", "-n", "shop")
    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout)["metadata"] == {"name": "jfr", "namespace": "shop"}
    assert "warning: core.sslProxied: " in done.stderr
    assert yaml.safe_load(run("", "--name", "mine").stdout)["metadata"] == {"name": "mine"}


@pytest.mark.parametrize("text", ["core: [", "- a", "reports: {replicas: many}"])
def test_values_without_effect_end_with_status_1(text: str) -> None:
    done = run(text)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_strict_prints_nothing_if_a_value_is_lost() -> None:
    assert run("{}", "--strict").exit_code == 0
    done = run("core: {sslProxied: true}", "--strict")
    assert (done.exit_code, done.stdout) == (1, "")


@pytest.mark.parametrize(
    ("component", "repository", "tag"),
    [
        ("core", "quay.io/cryostat/cryostat", "4.2.0"),
        ("db", "quay.io/cryostat/cryostat-db", "4.1.1"),
        ("oauth2Proxy", "quay.io/oauth2-proxy/oauth2-proxy", "v7.15.2"),
        ("openshiftOauthProxy", "quay.io/openshift/origin-oauth-proxy", "4.21"),
    ],
)
def test_default_images_of_released_charts_are_not_reported(component: str, repository: str, tag: str) -> None:
    image = {"repository": repository, "pullPolicy": "IfNotPresent", "tag": tag}
    assert convert(values(f"{component}.image", image)).not_converted == ()
    for change in ({"tag": "mine"}, {"repository": "example.com/mine"}, {"pullPolicy": "Never"}):
        [line] = convert(values(f"{component}.image", {**image, **change})).not_converted
        assert str(line).startswith(f"{component}.image: ")
