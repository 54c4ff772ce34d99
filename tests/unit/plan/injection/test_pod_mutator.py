"""The agent in a pod: what is added, and which settings of the author are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryostat_operator.plan.injection.java_options import INHERITED_OPTIONS
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.injection.pod_mutator import SAFE_TO_EVICT_VOLUMES, inject_agent
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model import names
from cryostat_operator.settings import Settings
from tests.unit import kubernetes_schemas
from tests.unit.plan.injection.pods import AGENT, env, instance_of, pod, refused, with_agent


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
        "CRYOSTAT_AGENT_AUTHORIZATION_TYPE": "none",
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


def test_several_containers_get_the_agent() -> None:
    given = pod({"env": [{"name": "CRYOSTAT_AGENT_BASEURI", "value": "x"}]}, {"cryostat.io/smart-triggers": "t"})
    given["spec"]["containers"] += [{"name": "other", "image": "other:1"}, {"name": "batch", "image": "batch:1"}]
    given["metadata"]["annotations"] = {"cryostat.io/container": "batch, app"}
    result = with_agent(given, instance_of(tls=True))
    app, other, batch = result["spec"]["containers"]
    assert other == {"name": "other", "image": "other:1"}
    ports = [(port["name"], port["containerPort"]) for each in (batch, app) for port in each["ports"]]
    assert ports == [("cryostat-cb", 9977), ("cryostat-cb-2", 9978)], "the API server warns about repeated names"
    for index, name, port in ((2, "batch", "9977"), (0, "app", "9978")):
        variables = env(result, index)
        assert variables["CRYOSTAT_AGENT_APP_NAME"] == f"$(CRYOSTAT_AGENT_POD_NAME)-{name}"
        assert variables["CRYOSTAT_AGENT_WEBSERVER_PORT"] == variables["CRYOSTAT_AGENT_CALLBACK_PORT"] == port
        assert variables["JAVA_TOOL_OPTIONS"] == f"{AGENT}=off"
    assert app["volumeMounts"] == batch["volumeMounts"]
    assert len(app["volumeMounts"]) == len(result["spec"]["volumes"]) == 3
    assert len(result["spec"]["initContainers"]) == 1
    again = inject_agent(result, instance_of(tls=True), PodContext("apps"))
    assert again.pod == result
    assert again.hints == ('container "app": CRYOSTAT_AGENT_BASEURI: already set, and not changed',)


def test_no_container_gets_the_agent_if_one_of_several_cannot() -> None:
    given = pod({"volumeMounts": [{"name": "v", "mountPath": "/tmp/cryostat-agent"}]})
    given["spec"]["containers"].append({"name": "other", "image": "other:1"})
    given["metadata"]["annotations"] = {"cryostat.io/container": "other,app"}
    assert refused(given).startswith("another volume is mounted at /tmp/cryostat-agent")


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


def test_an_agent_that_does_not_work_with_the_application_is_added_with_a_hint() -> None:
    settings = Settings.from_env({"RELATED_IMAGE_AGENT_INIT": "example.com/agent:0.8.0"})
    given = instance_of()
    result = inject_agent(pod(), Instance(given.cryostat, given.snapshot, settings), PodContext("apps"))
    assert result.pod
    [hint] = result.hints
    assert hint.startswith("agent 0.8 does not work with Cryostat 4.2")


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


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (None, "cryostat-agent-init"),
        ("", "cryostat-agent-init"),
        ("cache, tmp", "cache,tmp,cryostat-agent-init"),
        ("cryostat-agent-init,cache", "cryostat-agent-init,cache"),
    ],
)
def test_the_volume_does_not_keep_the_autoscaler_from_removing_a_node(present: str | None, expected: str) -> None:
    given = pod()
    if present is not None:
        given["metadata"]["annotations"] = {SAFE_TO_EVICT_VOLUMES: present}
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod is not None
    assert result.pod["metadata"]["annotations"] == {SAFE_TO_EVICT_VOLUMES: expected}


def test_no_annotation_beyond_the_limit_of_the_api_server() -> None:
    given = pod()
    given["metadata"]["annotations"] = {"a": "x" * (256 * 1024 - 20)}
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod is not None
    assert result.pod["metadata"] == given["metadata"]
    assert result.hints[0] == (
        "no space is left for the annotation cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes, "
        "so the autoscaler keeps the node of the pod"
    )


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
