"""The parts that OpenShift adds to a cluster: its real CRDs, the rules of its Route API, and a router.

The rules that an `openshift-apiserver` applies to Routes and that a CRD cannot express are admission policies here, so
that the API server itself enforces them, atomically and for the right user.
"""

from __future__ import annotations

import re
import uuid

import yaml

from tests.cluster import binaries
from tests.cluster.api import Api, ApiError, Object, condition, eventually

DOMAIN = "apps.example.com"  # the domain of the cluster's default router
GENERATED = "openshift.io/host.generated"
PROBE = "tests.cluster/probe"  # Routes with this label are refused once the policies are in force

_MATCH_ROUTES = {
    "resourceRules": [
        {
            "apiGroups": ["route.openshift.io"],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["routes"],
        }
    ]
}
_VARIABLES = {
    "generated": f"object.metadata.name.replace('.', '-') + '-' + request.namespace + '.{DOMAIN}'",
    "host": "object.spec.?host.orValue('')",
    "oldHost": "request.operation == 'UPDATE' ? oldObject.spec.?host.orValue('') : ''",
    "noHost": "object.spec.?host.orValue('') == '' && object.spec.?subdomain.orValue('') == ''",
}
_CUSTOM_HOST = "authorizer.group('route.openshift.io').resource('routes').subresource('custom-host')"
_CERTIFICATES = ("certificate", "key", "caCertificate", "destinationCACertificate")


def install(api: Api) -> None:
    """Install the APIs of OpenShift in a control plane, and wait until all are served. Can be called again."""
    # yaml's loader in Python takes ten times as long.
    crds = [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in binaries.data(binaries.OPENSHIFT_API)]
    for crd in crds:
        api.apply(crd)
    for crd in crds:
        name = crd["metadata"]["name"]
        eventually(lambda name=name: _established(api, name), what=f"CRD {name} is established")  # type: ignore[misc]
    for obj in (*_policies(), *_singletons()):
        eventually(lambda obj=obj: api.apply(obj), what=f"{obj['kind']} is served")  # type: ignore[misc]
    eventually(lambda: _policies_in_force(api), what="the admission policies for Routes have an effect")


def annotate_namespace(api: Api, name: str, block: int = 0) -> None:
    """Set the annotations for the range of user ids that OpenShift allocates to a namespace; `block` is its number."""
    first = 1000600000 + 10000 * block
    annotations = {
        "openshift.io/sa.scc.supplemental-groups": f"{first}/10000",
        "openshift.io/sa.scc.uid-range": f"{first}/10000",
        "openshift.io/sa.scc.mcs": f"s0:c26,c{block % 25}",
    }
    api.patch(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        {"metadata": {"annotations": annotations}},
    )


def _established(api: Api, name: str) -> bool:
    crd = api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)
    return condition(crd, "Established").get("status") == "True"


def _singletons() -> list[Object]:
    """Objects that every OpenShift cluster has."""
    version = {"clusterID": str(uuid.UUID(int=1)), "channel": "stable-4.20"}
    return [
        {"apiVersion": "config.openshift.io/v1", "kind": "APIServer", "metadata": {"name": "cluster"}, "spec": {}},
        {"apiVersion": "config.openshift.io/v1", "kind": "Authentication", "metadata": {"name": "cluster"}, "spec": {}},
        {
            "apiVersion": "config.openshift.io/v1",
            "kind": "ClusterVersion",
            "metadata": {"name": "version"},
            "spec": version,
        },
        {
            "apiVersion": "operator.openshift.io/v1",
            "kind": "Console",
            "metadata": {"name": "cluster"},
            "spec": {"managementState": "Managed"},
        },
    ]


def _policies() -> list[Object]:
    return [
        *_policy("Mutating", "route-defaults", {"mutations": _MUTATIONS, "reinvocationPolicy": "Never"}),
        *_policy("Validating", "route-rules", {"validations": _validations()}),
    ]


def _policy(kind: str, name: str, rules: Object) -> list[Object]:
    """An admission policy for Routes and the binding that puts it in force."""
    variables = [{"name": key, "expression": expression} for key, expression in _VARIABLES.items()]
    binding: Object = {"policyName": name}
    if kind == "Validating":
        binding["validationActions"] = ["Deny"]
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    spec = {"failurePolicy": "Fail", "matchConstraints": _MATCH_ROUTES, "variables": variables, **rules}
    return [
        {**head, "kind": f"{kind}AdmissionPolicy", "spec": spec},
        {**head, "kind": f"{kind}AdmissionPolicyBinding", "spec": binding},
    ]


def _add(path: str, value: str, when: str) -> Object:
    """A mutation that sets one value if a condition is true."""
    patch = f'[JSONPatch{{op: "add", path: "{path}", value: {value}}}]'
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": f"({when}) ? {patch} : []"}}


# Host allocation: the host is generated at creation, and kept if an update leaves it out. The order matters: each
# mutation gets the object with the changes of those before it.
_ALLOCATE = "request.operation == 'CREATE' && variables.noHost"
_MUTATIONS = [
    _add("/metadata/annotations", "{}", f"{_ALLOCATE} && !has(object.metadata.annotations)"),
    _add("/metadata/annotations/" + GENERATED.replace("/", "~1"), "'true'", _ALLOCATE),
    _add("/spec/host", "variables.generated", _ALLOCATE),
    _add("/spec/host", "variables.oldHost", "variables.host == '' && variables.oldHost != ''"),
    _add("/spec/tls/termination", "'edge'", "has(object.spec.tls) && object.spec.tls.?termination.orValue('') == ''"),
]


def _validations() -> list[Object]:
    def allowed(verb: str) -> str:
        return f"{_CUSTOM_HOST}.namespace(request.namespace).check('{verb}').allowed()"

    generated = (
        f"object.metadata.?annotations['{GENERATED}'].orValue('') == 'true' && variables.host == variables.generated"
    )
    subdomain_kept = "object.spec.?subdomain == oldObject.spec.?subdomain"
    kept = " && ".join(f"object.spec.?tls.?{key} == oldObject.spec.?tls.?{key}" for key in _CERTIFICATES)
    absent = " && ".join(f"object.spec.?tls.?{key}.orValue('') == ''" for key in _CERTIFICATES)
    denied = "you do not have permission to set the"
    create, update = "request.operation != 'CREATE'", "request.operation != 'UPDATE'"
    rules = {
        f"{create} || variables.host == '' || ({generated}) || {allowed('create')}": (
            f"spec.host: Forbidden: {denied} host field of the route"
        ),
        f"{update} || (variables.host == variables.oldHost && {subdomain_kept}) || {allowed('update')}": (
            "spec.host: Invalid value: field is immutable"
        ),
        f"{create} || ({absent}) || {allowed('create')}": (
            f"spec.tls: Forbidden: {denied} certificate fields of the route"
        ),
        f"{update} || ({kept}) || {allowed('update')} || {allowed('create')}": (
            f"spec.tls: Forbidden: {denied} certificate fields of the route"
        ),
        f"{update} || object.spec.?wildcardPolicy == oldObject.spec.?wildcardPolicy": (
            "spec.wildcardPolicy: Invalid value: field is immutable"
        ),
        f"!('{PROBE}' in object.metadata.?labels.orValue({{}}))": "the policies are in force",
    }
    return [{"expression": expression, "message": message} for expression, message in rules.items()]


def _policies_in_force(api: Api) -> bool:
    route = {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"to": {"kind": "Service", "name": "probe"}},
    }
    if not api.create(route, dryRun="All")["spec"].get("host"):
        return False
    route["metadata"] = {**route["metadata"], "labels": {PROBE: ""}}  # type: ignore[dict-item]
    try:
        api.create(route, dryRun="All")
    except ApiError as error:
        return bool(re.search("the policies are in force", error.message))
    return False
