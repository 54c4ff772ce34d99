"""Chart values in the formats of Helm, kubectl, Flux and Argo CD."""

from __future__ import annotations

import textwrap

import pytest
import yaml

from cryostat_operator.helm.values_reader import ValuesError, read_values

VALUES = {"reports": {"replicas": 2}}
RELEASE = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "jfr"}}
APPLICATION = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "jfr"}}


def application(**helm: object) -> dict[str, object]:
    return {**APPLICATION, "spec": {"source": {"chart": "cryostat", "helm": helm}}}


def printed_by_kubectl(obj: dict[str, object]) -> str:
    metadata = {"name": "jfr", "managedFields": [{"manager": "kubectl"}], "resourceVersion": "7"}
    return yaml.safe_dump({**obj, "metadata": metadata, "status": {"conditions": []}})


@pytest.mark.parametrize(
    "text",
    [
        "reports:\n  replicas: 2\n",
        '{"reports": {"replicas": 2}}',
        "USER-SUPPLIED VALUES:\nreports:\n  replicas: 2\n",
        "\n\nCOMPUTED VALUES:\nreports:\n  replicas: 2\n",
        "\ufeffreports:\n  replicas: 2\n",
        "---\nreports:\n  replicas: 2\n...\n",
        printed_by_kubectl({**RELEASE, "spec": {"values": VALUES}}),
        yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [{**RELEASE, "spec": {"values": VALUES}}]}),
        printed_by_kubectl(application(valuesObject=VALUES)),
        yaml.safe_dump(application(values="reports:\n  replicas: 2\n")),
        yaml.safe_dump(application(parameters=[{"name": "reports.replicas", "value": "2"}])),
        yaml.safe_dump(
            application(
                valuesObject={"reports": {"replicas": 1}}, parameters=[{"name": "reports.replicas", "value": "2"}]
            )
        ),
        yaml.safe_dump({**APPLICATION, "spec": {"sources": [{"helm": {"valuesObject": VALUES}}, {"ref": "values"}]}}),
    ],
)
def test_values_are_found(text: str) -> None:
    assert read_values(text) == VALUES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        "USER-SUPPLIED VALUES:\nnull\n",
        "USER-SUPPLIED VALUES:\n{}\n",
        yaml.safe_dump({**RELEASE, "spec": {}}),
    ],
)
def test_a_release_without_values(text: str) -> None:
    assert read_values(text) == {}


def test_a_forced_string_is_kept_as_a_string() -> None:
    text = yaml.safe_dump(application(parameters=[{"name": "core.x", "value": "2", "forceString": True}]))
    assert read_values(text) == {"core": {"x": "2"}}


@pytest.mark.parametrize(
    "text", ["@daily", "{a: b", "2020-01-01", "a: b", "4.10", "0.5", "017", "0x1f", "yes", "~", ""]
)
def test_a_parameter_is_text_as_for_helm(text: str) -> None:
    found = read_values(yaml.safe_dump(application(parameters=[{"name": "core.x", "value": text}])))
    assert found == {"core": {"x": text}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-8181", -8181), ("TRUE", True), ("false", False), ("null", None), (r"{a\,b, 2}", ["a,b", 2])],
)
def test_other_parameters_have_the_type_that_helm_gives_them(text: str, value: object) -> None:
    found = read_values(yaml.safe_dump(application(parameters=[{"name": "core.x", "value": text}])))
    assert found == {"core": {"x": value}}


def test_lists_and_escaped_dots_in_parameters_are_those_of_helm() -> None:
    text = yaml.safe_dump(
        application(
            parameters=[
                {"name": r"core.ingress.annotations.nginx\.ingress\.kubernetes\.io/proxy-body-size", "value": "5m"},
                {"name": r"nodeSelector.kubernetes\.io/os", "value": "linux"},
                {"name": "core.discovery.kubernetes.portNumbers", "value": "{9091, 9092}"},
                {"name": "core.discovery.kubernetes.portNames", "value": "{}"},
            ]
        )
    )
    assert read_values(text) == {
        "core": {
            "ingress": {"annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "5m"}},
            "discovery": {"kubernetes": {"portNumbers": [9091, 9092], "portNames": []}},
        },
        "nodeSelector": {"kubernetes.io/os": "linux"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not valid YAML (line 1, column 5): expected the node content, but found '<stream end>'"),
        ("- a\n", "contains no mapping of chart values"),
        ("words\n", "contains no mapping of chart values"),
        ("a: 1\n---\nb: 2\n", "contains 2 YAML documents; one with chart values is needed"),
        (
            "apiVersion: v1\nkind: ConfigMap\n",
            "contains a Kubernetes object of kind ConfigMap; needed are chart values, a HelmRelease or an Application. "
            "Print the values of a release with: helm get values RELEASE -o yaml",
        ),
        (
            "apiVersion: v1\nkind: List\nitems: []\n",
            "contains a List of 0 objects; one with chart values is needed",
        ),
        (
            yaml.safe_dump({**RELEASE, "spec": {"valuesFrom": [{"kind": "ConfigMap", "name": "x"}]}}),
            "contains a HelmRelease with spec.valuesFrom, whose values are in other objects. "
            "Print all values of the release with: helm get values RELEASE -o yaml",
        ),
        (
            yaml.safe_dump({**RELEASE, "spec": {"values": [1]}}),
            "contains spec.values of the HelmRelease, which is not a mapping",
        ),
        (
            yaml.safe_dump({**APPLICATION, "spec": {"source": {"chart": "cryostat"}}}),
            "contains an Application with 0 Helm sources that have values; one is needed",
        ),
        (
            yaml.safe_dump(application(valueFiles=["prod.yaml"])),
            "contains an Application with helm.valueFiles or helm.fileParameters, whose values are in other files. "
            "Pass the values files themselves, merged into one",
        ),
        (
            yaml.safe_dump(application(values="a: [")),
            "contains an Application whose helm.values is not valid YAML",
        ),
        (
            yaml.safe_dump(application(parameters=[{"name": "core.ingress.hosts[0].host", "value": "x"}])),
            "contains an Application with the parameter 'core.ingress.hosts[0].host'; write it into helm.valuesObject",
        ),
        (
            yaml.safe_dump(application(parameters=["core.x=1"])),
            "contains an entry of helm.parameters, which is not a mapping",
        ),
    ],
)
def test_input_without_values_is_explained(text: str, message: str) -> None:
    with pytest.raises(ValuesError) as error:
        read_values(textwrap.dedent(text))
    assert str(error.value) == message
