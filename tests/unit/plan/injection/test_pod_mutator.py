"""The agent in a pod: what is added, and which settings of the author are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.injection import labels
from cryostat_operator.plan.injection.java_options import INHERITED_OPTIONS
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.injection.pod_mutator import SAFE_TO_EVICT_VOLUMES, inject_agent
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit import kubernetes_schemas

JAR = "/tmp/cryostat-agent/cryostat-agent-shaded.jar"
AGENT = f"-javaagent:{JAR}=io.cryostat.agent.shaded.org.slf4j.simpleLogger.defaultLogLevel"
LABELS = {"cryostat.io/name": "sample", "cryostat.io/namespace": "monitoring"}


def instance_of(spec: dict[str, Any] | None = None, *, openshift: bool = False, tls: bool = False) -> Instance:
    cr = {"metadata": {"name": "sample", "namespace": "monitoring"}, "spec": spec or {}}
    return Instance(Cryostat.model_validate(cr), Snapshot(openshift=openshift), Settings(service_tls=tls))


def pod(container: dict[str, Any] | None = None, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "app:1", **(container or {})}]
    metadata = {"name": "app-1", "labels": {**LABELS, **(labels or {})}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def with_agent(
    given: dict[str, Any], instance: Instance | None = None, where: PodContext | None = None
) -> dict[str, Any]:
    result = inject_agent(given, instance or instance_of(), where or PodContext("apps"))
    assert result.pod is not None, result.reason
    annotations = {**(given["metadata"].get("annotations") or {}), SAFE_TO_EVICT_VOLUMES: "cryostat-agent-init"}
    assert result.pod["metadata"] == {**given["metadata"], "annotations": annotations}
    assert kubernetes_schemas.errors(result.pod) == []
    return result.pod


def refused(given: dict[str, Any], instance: Instance | None = None, where: PodContext | None = None) -> str:
    result = inject_agent(given, instance or instance_of(), where or PodContext("apps"))
    assert result.pod is None
    return result.reason


def env(given: dict[str, Any], index: int = 0) -> dict[str, Any]:
    entries = given["spec"]["containers"][index].get("env") or []
    assert len({entry["name"] for entry in entries}) == len(entries)
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in entries}


def test_a_plain_pod() -> None:
    before = pod()
    after = with_agent(before)
    assert before == pod()
    [init] = after["spec"]["initContainers"]
    assert init["command"][-1] == "/tmp/cryostat-agent/cryostat-agent-shaded.jar"
    assert init["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert init["resources"] == {
        "requests": {"cpu": "10m", "memory": "32Mi"},
        "limits": {"cpu": "20m", "memory": "64Mi"},
    }
    [container] = after["spec"]["containers"]
    assert container["ports"] == [{"name": "cryostat-cb", "containerPort": 9977, "protocol": "TCP"}]
    assert container["volumeMounts"] == [
        {"name": "cryostat-agent-init", "mountPath": "/tmp/cryostat-agent", "readOnly": True}
    ]
    assert after["spec"]["volumes"] == [{"name": "cryostat-agent-init", "emptyDir": {"sizeLimit": "50Mi"}}]
    service = names.agent_callback_service("monitoring", "sample")
    candidates = '$(CRYOSTAT_AGENT_POD_NAME), $(CRYOSTAT_AGENT_POD_IP)[replace("."\\, "-")]'
    pod_ip = {"fieldRef": {"fieldPath": "status.podIP"}}
    assert env(after) == {
        "CRYOSTAT_AGENT_BASEURI": "http://sample-agent.monitoring.svc:8282",
        "CRYOSTAT_AGENT_BASEURI_RANGE": "public",
        "CRYOSTAT_AGENT_POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "CRYOSTAT_AGENT_APP_NAME": "$(CRYOSTAT_AGENT_POD_NAME)",
        "CRYOSTAT_AGENT_POD_IP": pod_ip,
        "CRYOSTAT_AGENT_API_WRITES_ENABLED": "true",
        "CRYOSTAT_AGENT_WEBSERVER_PORT": "9977",
        "CRYOSTAT_AGENT_PUBLISH_FILL_STRATEGY": "KUBERNETES",
        "CRYOSTAT_AGENT_PUBLISH_CONTEXT_NAMESPACE": "apps",
        "CRYOSTAT_AGENT_PUBLISH_CONTEXT_NODETYPE": "Pod",
        "CRYOSTAT_AGENT_PUBLISH_CONTEXT_NAME": "$(CRYOSTAT_AGENT_POD_NAME)",
        "CRYOSTAT_AGENT_CALLBACK_SCHEME": "http",
        "CRYOSTAT_AGENT_CALLBACK_HOST_NAME": candidates,
        "CRYOSTAT_AGENT_CALLBACK_DOMAIN_NAME": f"{service}.apps.svc",
        "CRYOSTAT_AGENT_CALLBACK_PORT": "9977",
        "CRYOSTAT_AGENT_WEBCLIENT_TLS_REQUIRED": "false",
        "JAVA_TOOL_OPTIONS": f"{AGENT}=off",
    }


def test_all_labels() -> None:
    labels = {
        "log-level": "debug",
        "callback-port": "8090",
        "container": "second",
        "read-only": "T",
        "java-options-var": "JDK_OPTS",
        "harvester-template": "profile",
        "harvester-period": "1h30m",
        "harvester-max-files": "3",
        "harvester-exit-max-age": "1200h",
        "harvester-exit-max-size": "4Gi",
        "smart-triggers": "my.triggers",
    }
    given = pod(labels={f"cryostat.io/{key}": value for key, value in labels.items()})
    given["spec"]["containers"].append({"name": "second", "image": "app:2"})
    after = with_agent(given)
    assert after["spec"]["containers"][0] == given["spec"]["containers"][0]
    variables = env(after, 1)
    assert variables["CRYOSTAT_AGENT_WEBSERVER_PORT"] == variables["CRYOSTAT_AGENT_CALLBACK_PORT"] == "8090"
    assert variables["CRYOSTAT_AGENT_API_WRITES_ENABLED"] == "false"
    assert variables["JDK_OPTS"] == f"{AGENT}=debug"
    assert variables["CRYOSTAT_AGENT_HARVESTER_TEMPLATE"] == "profile"
    assert variables["CRYOSTAT_AGENT_HARVESTER_PERIOD_MS"] == "5400000"
    assert variables["CRYOSTAT_AGENT_HARVESTER_MAX_FILES"] == "3"
    assert variables["CRYOSTAT_AGENT_HARVESTER_EXIT_MAX_AGE_MS"] == "4320000000"
    assert variables["CRYOSTAT_AGENT_HARVESTER_EXIT_MAX_SIZE_B"] == "4294967296"
    [source] = after["spec"]["volumes"][1]["projected"]["sources"]
    assert source == {"configMap": {"name": "my.triggers", "optional": True}}
    mounts = {mount["mountPath"] for mount in after["spec"]["containers"][1]["volumeMounts"]}
    directory, _, files = variables["CRYOSTAT_AGENT_SMART_TRIGGER_CONFIG_PATH"].partition("/..data")
    assert (directory in mounts, files) == (True, "/.")


def test_several_smart_triggers_by_annotation() -> None:
    given = pod()
    given["metadata"]["annotations"] = {"cryostat.io/smart-triggers": "a, b.c,a"}
    volume = with_agent(given)["spec"]["volumes"][1]
    assert [source["configMap"]["name"] for source in volume["projected"]["sources"]] == ["a", "b.c"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("callback-port", "0"),
        ("callback-port", "65536"),
        ("callback-port", "x"),
        ("read-only", "yes"),
        ("java-options-var", "1A"),
        ("java-options-var", ""),
        ("harvester-period", "5"),
        ("harvester-period", "-5s"),
        ("harvester-max-files", "0"),
        ("harvester-max-files", "2147483648"),
        ("harvester-exit-max-age", "9999999h"),
        ("harvester-exit-max-size", "-1"),
        ("harvester-exit-max-size", "10E"),
        ("harvester-exit-max-size", "1e999999999"),
        ("smart-triggers", "A_b"),
        ("container", "other"),
    ],
)
def test_invalid_labels_leave_the_pod_unchanged(key: str, value: str) -> None:
    reason = refused(pod(labels={f"cryostat.io/{key}": value}))
    assert value in reason
    assert key in reason or key == "container"


def test_labels_that_look_wrong_cause_warnings() -> None:
    labels = {"cryostat.io/log-level": "wran", "cryostat.io/harvester-period": "1s", "cryostat.io/conatiner": "x"}
    hints = inject_agent(pod(labels=labels), instance_of(), PodContext("apps")).hints
    assert len(hints) == 3
    assert "did you mean warn?" in hints[0]
    assert "did you mean container?" in " ".join(hints)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0", 0), ("300ms", 300), ("1.5h", 5400000), ("2h45m", 9900000), (".5s", 500), ("1h0m0s", 3600000), ("999us", 0)],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert labels.parse_duration(text) == milliseconds


def test_tls() -> None:
    secret = names.agent_certificate("monitoring", "sample", "apps")
    i = instance_of(tls=True)
    missing = refused(pod(), i, PodContext("apps", certificate=False))
    assert missing == f"Secret {secret} with the agents' certificate does not exist yet; create the pod again later"
    after = with_agent(pod(), i)
    volume = next(v for v in after["spec"]["volumes"] if v["name"] == "cryostat-agent-tls")
    assert volume["secret"] == {"secretName": secret, "defaultMode": 0o444, "optional": True}
    variables = env(after)
    assert variables["CRYOSTAT_AGENT_BASEURI"] == "https://sample-agent.monitoring.svc:8282"
    assert variables["CRYOSTAT_AGENT_CALLBACK_SCHEME"] == "https"
    assert variables["CRYOSTAT_AGENT_WEBSERVER_TLS_KEY_PATH"].endswith("/tls.key")
    assert "CRYOSTAT_AGENT_WEBCLIENT_TLS_REQUIRED" not in variables
    grouped = with_agent(pod(securityContext={"fsGroup": 5}), i)["spec"]["volumes"][1]["secret"]
    assert grouped["defaultMode"] == 0o440


def test_in_fips_mode_the_agent_uses_tls_1_3() -> None:
    version = {"CRYOSTAT_AGENT_WEBCLIENT_TLS_VERSION": "TLSv1.3", "CRYOSTAT_AGENT_WEBSERVER_TLS_VERSION": "TLSv1.3"}
    assert env(with_agent(pod(), instance_of(tls=True), PodContext("apps", fips=True))).items() >= version.items()
    for context, tls in ((PodContext("apps"), True), (PodContext("apps", fips=True), False)):
        assert not env(with_agent(pod(), instance_of(tls=tls), context)).keys() & version.keys()


def test_without_names_in_certificates_and_with_ipv6() -> None:
    plain = {"agentOptions": {"disableHostnameVerification": True}}
    assert (
        env(with_agent(pod(), instance_of(plain)))["CRYOSTAT_AGENT_CALLBACK"] == "http://$(CRYOSTAT_AGENT_POD_IP):9977"
    )
    assert inject_agent(pod(), instance_of(), PodContext("apps", ipv6=True)).hints == (
        "agents up to 0.8 cannot register from an IPv6 address unless agentOptions.disableHostnameVerification is true "
        "in Cryostat monitoring/sample",
    )
    assert inject_agent(pod(), instance_of(plain), PodContext("apps", ipv6=True)).hints == ()
    six = env(with_agent(pod(), instance_of(plain), PodContext("apps", ipv6=True)))
    assert six["CRYOSTAT_AGENT_CALLBACK"] == "http://[$(CRYOSTAT_AGENT_POD_IP)]:9977"
    names_six = env(with_agent(pod(), instance_of(), PodContext("apps", ipv6=True)))
    assert names_six["CRYOSTAT_AGENT_CALLBACK_HOST_NAME"].endswith('[replace(":"\\, "-")]')


def test_the_init_container_fits_its_pod() -> None:
    def context(instance: Instance | None = None, **given: Any) -> Any:
        return with_agent(pod(**given), instance)["spec"]["initContainers"][0]["securityContext"]

    assert context(securityContext={"runAsUser": 0})["runAsUser"] == 10001
    assert "runAsUser" not in context(securityContext={"runAsUser": 7})
    assert "seccompProfile" not in context(securityContext={"seccompProfile": {"type": "Localhost"}})
    assert "seccompProfile" not in context(instance_of(openshift=True))


def test_resources_of_the_init_container() -> None:
    def resources(container: dict[str, Any], spec: dict[str, Any] | None = None, **given: Any) -> Any:
        return with_agent(pod(container, **given), instance_of(spec))["spec"]["initContainers"][0].get("resources")

    guaranteed = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    assert resources({"resources": guaranteed}) == guaranteed
    device = {"limits": {"example.com/gpu": "1", "cpu": "1"}}
    assert resources({"resources": device}) == {"limits": {"cpu": "1"}}
    assert resources({}, resources={"limits": {"cpu": "1"}}) is None
    chosen = {"agentOptions": {"resources": {"requests": {"cpu": "1m"}}}}
    assert resources({"resources": guaranteed}, chosen) == {"requests": {"cpu": "1m", "memory": "32Mi"}}
    assert resources({}, chosen, resources={"limits": {"cpu": "1"}}) is None


@pytest.mark.parametrize(
    ("limits", "hints"),
    [
        ((), 0),
        (("1Gi",), 0),
        (("40Mi", "60Mi"), 0),
        (("20Mi", "20Mi"), 1),
        (("40Mi",), 1),
        (("much",), 0),
    ],
)
def test_little_ephemeral_storage_is_a_hint(limits: tuple[str, ...], hints: int) -> None:
    """The kubelet evicts a pod with more than the sum of the limits, including the volume with the JAR."""
    given = pod()
    [container] = given["spec"]["containers"]
    given["spec"]["containers"] = [
        {**container, "name": name, "resources": {"limits": {"ephemeral-storage": limit}}}
        for name, limit in zip(("app", "istio-proxy"), limits, strict=False)
    ] or [container]
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod
    assert len(result.hints) == hints
    for hint in result.hints:
        assert hint == ("the agent takes up to 32Mi of the ephemeral storage of the pod, whose limit is 41943040 bytes")


def _limited(limit: str, **fields: Any) -> dict[str, Any]:
    return {"name": limit.lower(), "image": "i", "resources": {"limits": {"ephemeral-storage": limit}}, **fields}


@pytest.mark.parametrize(
    ("limit", "before", "hints"),
    [
        ("20Mi", [_limited("1Gi", restartPolicy="Always")], 0),
        ("20Mi", [_limited("1Gi")], 0),
        ("20Mi", [_limited("60Mi", restartPolicy="Always"), _limited("40Mi")], 0),
        ("20Mi", [_limited("40Mi"), _limited("60Mi", restartPolicy="Always")], 1),
        ("20Mi", [{"name": "unlimited", "image": "i"}, _limited("40Mi")], 1),
        ("", [_limited("40Mi")], 1),
    ],
)
def test_init_containers_count_in_the_limit_of_a_pod(limit: str, before: list[dict[str, Any]], hints: int) -> None:
    """Sidecars are added; of the other init containers, the one with the highest limit counts."""
    given = pod({"resources": {"limits": {"ephemeral-storage": limit}}} if limit else {})
    given["spec"]["initContainers"] = before
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod
    assert len([hint for hint in result.hints if "ephemeral storage" in hint]) == hints


@pytest.mark.parametrize(
    ("limit", "kept"),
    [("1Gi", {"memory": "64Mi", "ephemeral-storage": "200Mi"}), ("", {"memory": "64Mi"})],
)
def test_the_agent_gives_no_limit_of_ephemeral_storage_to_a_pod_without_one(limit: str, kept: dict[str, str]) -> None:
    """The kubelet evicts a pod with more than the limits of its containers, including those that have ended."""
    limits = {"memory": "64Mi", "ephemeral-storage": "200Mi"}
    cr = instance_of({"agentOptions": {"resources": {"limits": limits, "requests": {"ephemeral-storage": "50Mi"}}}})
    target = pod({"resources": {"limits": {"ephemeral-storage": limit}}} if limit else {})
    result = inject_agent(target, cr, PodContext("apps"))
    assert result.pod
    [init] = result.pod["spec"]["initContainers"]
    assert init["resources"]["limits"] == kept
    assert init["resources"]["requests"]["ephemeral-storage"] == "50Mi"


def test_settings_of_the_author_are_kept() -> None:
    own = [{"name": "CRYOSTAT_AGENT_APP_NAME", "value": "shop"}, {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx1g"}]
    given = pod({"env": own})
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod
    variables = env(result.pod)
    assert variables["CRYOSTAT_AGENT_APP_NAME"] == "shop"
    assert variables["JAVA_TOOL_OPTIONS"] == f"-Xmx1g {AGENT}=off"
    assert result.hints == ("CRYOSTAT_AGENT_APP_NAME: already set, and not changed",)
    assert given["spec"]["containers"][0]["env"] == own


def test_options_from_a_reference() -> None:
    source = {"configMapKeyRef": {"name": "options", "key": "java"}}
    after = with_agent(pod({"env": [{"name": "JAVA_TOOL_OPTIONS", "valueFrom": source}]}))
    assert after["spec"]["containers"][0]["env"][:2] == [
        {"name": INHERITED_OPTIONS, "valueFrom": source},
        {"name": "JAVA_TOOL_OPTIONS", "value": f"$({INHERITED_OPTIONS}) {AGENT}=off"},
    ]


def test_options_from_whole_config_maps() -> None:
    given = pod({"envFrom": [{"prefix": "JAVA_", "configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]})
    known: dict[tuple[str, str], frozenset[str] | None]
    known = {("ConfigMap", "a"): frozenset({"TOOL_OPTIONS"}), ("Secret", "b"): frozenset({"CRYOSTAT_AGENT_BASEURI"})}
    entries = with_agent(given, where=PodContext("apps", known))["spec"]["containers"][0]["env"]
    source = {"configMapKeyRef": {"name": "a", "key": "TOOL_OPTIONS", "optional": True}}
    assert entries[-3:] == [
        {"name": INHERITED_OPTIONS, "value": ""},
        {"name": INHERITED_OPTIONS, "valueFrom": source},
        {"name": "JAVA_TOOL_OPTIONS", "value": f"$({INHERITED_OPTIONS}) {AGENT}=off"},
    ]
    assert "CRYOSTAT_AGENT_BASEURI" not in [entry["name"] for entry in entries]
    none: dict[tuple[str, str], frozenset[str] | None]
    none = {("ConfigMap", "a"): frozenset(), ("Secret", "b"): frozenset()}
    assert env(with_agent(given, where=PodContext("apps", none)))["JAVA_TOOL_OPTIONS"] == f"{AGENT}=off"


def test_no_port_is_declared_on_the_network_of_the_node() -> None:
    """Otherwise a second pod of that kind could not be scheduled on the node."""
    result = inject_agent(pod(hostNetwork=True), instance_of(), PodContext("apps"))
    assert result.pod
    assert "ports" not in result.pod["spec"]["containers"][0]
    assert result.hints[0] == "the pod has hostNetwork, so the agent listens on port 9977 of the node"


def test_a_port_or_port_name_that_is_used_is_kept() -> None:
    taken = pod({"ports": [{"name": "http", "containerPort": 9977}]})
    result = inject_agent(taken, instance_of(), PodContext("apps"))
    assert result.pod
    assert result.pod["spec"]["containers"][0]["ports"] == taken["spec"]["containers"][0]["ports"]
    assert result.hints[0] == (
        'port 9977 of container "app" is also the port of the agent: '
        "choose another one with the label cryostat.io/callback-port"
    )
    named = pod({"ports": [{"name": "cryostat-cb", "containerPort": 1}]})
    assert len(with_agent(named)["spec"]["containers"][0]["ports"]) == 1


_ENV = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["JAVA_TOOL_OPTIONS", "CRYOSTAT_AGENT_BASEURI", "A", "CRYOSTAT_AGENT_POD_IP"]),
            "value": st.sampled_from(["", "-Xmx1g", "$(A)"]),
        }
    ),
    max_size=3,
    unique_by=lambda entry: str(entry["name"]),
)
_PODS = st.builds(
    lambda env, ports, spec, labels: pod({"env": env, "ports": ports}, labels, **spec),
    _ENV,
    st.lists(st.sampled_from([{"containerPort": 9977}, {"name": "cryostat-cb", "containerPort": 5}]), max_size=1),
    st.fixed_dictionaries(
        {},
        optional={
            "volumes": st.just([{"name": "v", "emptyDir": {}}]),
            "initContainers": st.just([{"name": "i", "image": "i"}]),
            "securityContext": st.sampled_from([{}, {"runAsUser": 0}, {"fsGroup": 1}]),
        },
    ),
    st.dictionaries(
        st.sampled_from(["cryostat.io/smart-triggers", "cryostat.io/log-level", "cryostat.io/harvester-template"]),
        st.sampled_from(["a", "info"]),
    ),
)


@given(_PODS, st.booleans(), st.booleans())
def test_a_second_injection_changes_nothing(given: dict[str, Any], tls: bool, openshift: bool) -> None:
    i = instance_of(tls=tls, openshift=openshift)
    once = inject_agent(given, i, PodContext("apps"))
    assert once.pod is not None
    assert kubernetes_schemas.errors(once.pod) == []
    for kind in ("volumes", "initContainers"):
        found = [each["name"] for each in once.pod["spec"][kind]]
        assert len(found) == len(set(found))
    again = inject_agent(once.pod, i, PodContext("apps"))
    assert again.pod == once.pod
