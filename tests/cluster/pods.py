"""Random pods that the API server may accept or refuse, some with names, ports, paths and variables of the agent."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.cluster.api import Object

_S = st.SearchStrategy[Any]


def _some(**fields: _S) -> _S:
    """An object with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def _pick(*values: Any) -> _S:
    return st.sampled_from(values)


_AMOUNTS = _some(
    cpu=_pick("1m", "5m", "500m", "2"), memory=_pick("1Mi", "64Mi", "2Gi"), **{"example.com/gpu": st.just("1")}
)
_RESOURCES = st.one_of(
    _some(limits=_AMOUNTS),
    _AMOUNTS.map(lambda amounts: {"requests": amounts, "limits": amounts}),
    st.just({"requests": {"cpu": "1m"}, "limits": {"cpu": "1", "memory": "1Gi"}}),
)
_KEYS = {"name": "given", "key": "JAVA_TOOL_OPTIONS"}
_VARIABLES = _pick("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CRYOSTAT_AGENT_POD_IP", "CRYOSTAT_AGENT_BASEURI", "A.b-c")
_ENV = st.one_of(
    st.fixed_dictionaries({"name": _VARIABLES, "value": _pick("", "-Xmx1g", "$(A.b-c) $$(B) $(NO")}),
    st.fixed_dictionaries(
        {
            "name": _VARIABLES,
            "valueFrom": _pick(
                {"fieldRef": {"fieldPath": "metadata.annotations['a']"}},
                {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}},
                {"resourceFieldRef": {"resource": "limits.cpu"}},
                {"configMapKeyRef": _KEYS},
                {"configMapKeyRef": {**_KEYS, "optional": True}},
                {"secretKeyRef": _KEYS},
            ),
        }
    ),
)
_ENV_FROM = _pick(
    {"configMapRef": {"name": "given"}},
    {"prefix": "CRYOSTAT_AGENT_", "configMapRef": {"name": "given"}},
    {"secretRef": {"name": "missing", "optional": True}},
    {"configMapRef": {"name": "missing"}},
)
_PORT = _some(name=_pick("cryostat-cb", "http"), protocol=_pick("TCP", "UDP")).flatmap(
    lambda port: _pick(9977, 8080, 65535).map(lambda number: {**port, "containerPort": number})
)
_CONTEXT = _some(
    runAsUser=_pick(0, 7),
    readOnlyRootFilesystem=st.booleans(),
    capabilities=_pick({"drop": ["ALL"]}, {"add": ["NET_ADMIN"]}),
    seccompProfile=_pick({"type": "Unconfined"}, {"type": "Localhost", "localhostProfile": "a.json"}),
)
_VOLUMES = _pick(
    {"name": "other", "configMap": {"name": "given"}},
    {"name": "cryostat-agent-init", "emptyDir": {}},
    {"name": "cryostat-agent-init", "configMap": {"name": "given"}},
    {"name": "cryostat-agent-tls", "secret": {"secretName": "own"}},
    {"name": "cryostat-agent-smart-triggers", "projected": {"sources": []}},
    {"name": "data", "emptyDir": {"medium": "Memory"}},
    {"name": "data", "hostPath": {"path": "/"}},
    {"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"],
     "resources": {"requests": {"storage": "1"}}}}}},
)  # fmt: skip
_PATHS = _pick("/tmp", "/tmp/cryostat-agent", "/tmp/cryostat-agent/in", "/", "data", "/var/run", "/opt", "/srv/a")
_CONTAINER = _some(
    env=st.lists(_ENV, max_size=4),
    envFrom=st.lists(_ENV_FROM, max_size=2),
    ports=st.lists(_PORT, max_size=2, unique_by=(lambda p: p.get("name", ""), lambda p: p["containerPort"])),
    resources=_RESOURCES,
    securityContext=_CONTEXT,
    imagePullPolicy=_pick("Never", "Always"),
    livenessProbe=st.just({"httpGet": {"path": "/", "port": 9977}}),
    mounts=st.lists(st.tuples(_PATHS, st.booleans()), max_size=2, unique_by=lambda mount: mount[0]),
)
_SPEC = _some(
    nodeSelector=_pick({"kubernetes.io/arch": "arm64"}, {"kubernetes.io/os": "linux"}, {"kubernetes.io/os": "windows"}),
    os=_pick({"name": "linux"}, {"name": "linux"}, {"name": "windows"}),
    securityContext=_some(runAsUser=_pick(0, 7), runAsNonRoot=st.booleans(), fsGroup=st.just(3)),
    hostNetwork=st.just(True),
    hostUsers=st.just(False),
    shareProcessNamespace=st.booleans(),
    resources=_pick({"limits": {"cpu": "5m", "memory": "8Mi"}}, {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}),
    restartPolicy=_pick("Never", "Always"),
    automountServiceAccountToken=st.booleans(),
    activeDeadlineSeconds=st.just(5),
)
_LABELS = st.lists(
    _pick(
        ("log-level", "debug"), ("log-level", "x" * 63), ("callback-port", "8080"), ("callback-port", "65535"),
        ("container", "app"), ("container", "c1"), ("container", ""), ("read-only", "true"), ("unknown", "a"),
        ("java-options-var", "JDK_JAVA_OPTIONS"), ("java-options-var", "CRYOSTAT_AGENT_POD_NAME"),
        ("harvester-template", "a"), ("harvester-period", "5s"), ("harvester-exit-max-size", "4Gi"),
        ("smart-triggers", "a"), ("smart-triggers", ""), ("callback-port", "a"), ("harvester-period", "5"),
    ),
    max_size=4,
).map(lambda found: {f"cryostat.io/{key}": value for key, value in found})  # fmt: skip
_NAMES = _pick("app", "c1", "cryostat-agent-init", "z" * 63)


@st.composite
def pods(draw: st.DrawFn) -> Object:
    """A pod that the API server often accepts, with the operator's labels, but not those that name a Cryostat."""
    volumes = draw(st.lists(_VOLUMES, max_size=3, unique_by=lambda volume: str(volume["name"])))
    many = draw(_pick(0, 0, 0, 0, 0, 300))
    names = draw(st.lists(_NAMES, min_size=1, max_size=3, unique=True))
    first = draw(st.integers(0, len(names) - 1))
    containers = [_container(draw, name, volumes) for name in names[: first + 1]]
    containers += [{"name": f"more-{number}", "image": "a"} for number in range(many)]
    init = [_container(draw, name, volumes) for name in names[first + 1 :]]
    for each in init:
        each.pop("livenessProbe", None)
        if draw(st.booleans()):
            each["restartPolicy"] = "Always"
    annotations = draw(st.dictionaries(st.just("cryostat.io/smart-triggers"), _pick("a,b.c, a", "A", ""), max_size=1))
    if draw(_pick(False, True)):
        annotations["cryostat.io/container"] = ", ".join(each["name"] for each in containers[:3])
    metadata = {"generateName": "random-", "labels": draw(_LABELS), "annotations": annotations}
    spec = {**draw(_SPEC), "volumes": volumes, "containers": containers, "initContainers": init}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _container(draw: st.DrawFn, name: str, volumes: list[Object]) -> Object:
    found = {"name": name, "image": "a", **draw(_CONTAINER)}
    if mounts := found.pop("mounts", None):
        known = [volume["name"] for volume in volumes]
        found["volumeMounts"] = [
            {"name": draw(st.sampled_from(known)), "mountPath": path, "readOnly": ro} for path, ro in mounts if known
        ]
    return found
