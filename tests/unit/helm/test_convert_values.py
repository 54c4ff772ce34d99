"""Each value of the Helm chart is converted to a field, or is reported as not converted."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.cli import main
from cryostat_operator.helm.convert_values import ConversionError, convert
from tests.unit.helm.chart import CHART, HOST, joined, leaves, values


def test_few_defaults_of_the_chart_are_converted() -> None:
    found = convert(CHART)
    volumes = {each: {"emptyDir": {"enabled": True}} for each in ("database", "objectStorage")}
    assert found.cryostat["spec"] == {"reportOptions": {"replicas": 0}, "storageOptions": volumes}
    assert found.not_converted == ()
    assert [note.partition(":")[0] for note in found.notes] == ["authentication"]


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
