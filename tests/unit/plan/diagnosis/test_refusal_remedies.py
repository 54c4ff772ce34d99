"""The remedy in the message about an object that admission refused, by the API server's response."""

from __future__ import annotations

import dataclasses

import pytest

from cryostat_operator.plan.diagnosis.refusal_remedies import remedy_for
from cryostat_operator.plan.model.refused_object import RefusedObject

CORE, PROXY = "spec.resources.coreResources", "spec.resources.authProxyResources"
PODS = RefusedObject(
    "here",
    resources="spec.resources",
    has_security=True,
    account="c",
    containers={"c": CORE, "c-auth-proxy": PROXY},
    amounts={CORE: frozenset({"1Gi", "2"}), PROXY: frozenset({"256Mi", "1"})},
)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "exceeded quota: few, requested: services.nodeports=1, used: services.nodeports=0, limited: x=1",
            "Raise services.nodeports in spec.hard of ResourceQuota here/few, or set another serviceType in "
            "spec.serviceOptions",
        ),
        (
            'failed calling webhook "policy": tls: failed to verify certificate: x509: certificate is not yet valid',
            "Renew the certificate of webhook policy or the caBundle in its configuration, and check the clocks of the "
            "machines if the certificate is not yet valid",
        ),
        (
            "unable to create new content in namespace there because it is being terminated",
            "Nothing can be created in namespace there until it is deleted: use another one",
        ),
        (
            'pod rejected: RuntimeClass "gvisor" not found',
            "Create RuntimeClass gvisor, or correct the policy of the cluster that sets it",
        ),
        (
            "etcdserver: mvcc: database space exceeded",
            "Compact and defragment etcd, then disarm its alarm; the operator tries again by itself",
        ),
        (
            "failed to allocate a serviceIP: range is full",
            "Delete unused Services of the cluster, or add a ServiceCIDR; the operator tries again by itself",
        ),
        (
            "exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3",
            "Raise pods in spec.hard of ResourceQuota here/few, or delete objects of the namespace that are not needed",
        ),
        (
            "exceeded quota: few, requested: limits.memory=1Gi,requests.cpu=2, used: limits.memory=1Gi, limited: x=1",
            "Raise limits.memory and requests.cpu in spec.hard of ResourceQuota here/few, or lower spec.resources",
        ),
        (
            "exceeded quota: few, requested: persistentvolumeclaims=1,requests.storage=1Gi, used: requests.storage=0",
            "Raise persistentvolumeclaims and requests.storage in spec.hard of ResourceQuota here/few, "
            "or delete PersistentVolumeClaims of the namespace that are not needed",
        ),
        (
            "failed quota: all: must specify limits.cpu for: c,c-auth-proxy; limits.memory for: c",
            f"Set limits.cpu and limits.memory in {CORE} and {PROXY}, "
            "or create a LimitRange in namespace here with a default for it",
        ),
        (
            "failed quota: all: must specify limits.memory for: c-certificates",
            "Create a LimitRange in namespace here with a default for it",
        ),
        (
            "insufficient quota to match these scopes: [{PriorityClass In [high]}]",
            "Create a ResourceQuota with this scope in namespace here, as the cluster requires",
        ),
        (
            "status unknown for quota: few, resources: pods",
            "Creation is tried again; if this lasts, check why status.used of ResourceQuota here/few is empty",
        ),
        (
            "maximum memory usage per Container is 128Mi, but limit is 256Mi",
            f"Lower memory in {PROXY} to 128Mi or less, "
            "or change max.memory of type Container in the LimitRange of namespace here",
        ),
        (
            "[maximum cpu usage per Container is 500m, but limit is 2, minimum memory usage per Container is 2Gi, "
            "but request is 1Gi]",
            f"Lower cpu in {CORE} to 500m or less and raise memory in {CORE} to 2Gi or more, "
            "or change max.cpu and min.memory of type Container in the LimitRange of namespace here",
        ),
        (
            "maximum memory usage per Pod is 1Gi, but limit is 5Gi",
            "Lower memory in spec.resources to 1Gi or less for all containers together, "
            "or change max.memory of type Pod in the LimitRange of namespace here",
        ),
        (
            "minimum cpu usage per Container is 1. No request is specified",
            "Raise cpu in spec.resources to 1 or more, "
            "or change min.cpu of type Container in the LimitRange of namespace here",
        ),
        (
            "memory max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            "Set the limit of memory in spec.resources to at most 2 times its request, "
            "or raise maxLimitRequestRatio.memory in the LimitRange of namespace here",
        ),
        (
            'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set …)',
            "Correct the named settings in spec.securityOptions, "
            "or set the label pod-security.kubernetes.io/enforce=baseline on namespace here",
        ),
        (
            'violates PodSecurity "baseline:v1.30": privileged (container "c" …)',
            "Correct the named settings in spec.securityOptions, "
            "or set the label pod-security.kubernetes.io/enforce=privileged on namespace here",
        ),
        (
            "unable to validate against any security context constraint: [provider …]",
            "Correct the named settings in spec.securityOptions, "
            "or allow it with oc adm policy add-scc-to-user NAME -z c -n here",
        ),
        (
            'admission webhook "images.example.com" denied the request: unsigned',
            "Change what the webhook refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or exempt namespace here in the webhook configuration that contains images.example.com",
        ),
        (
            'admission webhook "validate.kyverno.svc-fail" denied the request: exceeded quota: x, requested: a=1',
            "Change what the Kyverno policy refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or add a PolicyException for namespace here",
        ),
        (
            'admission webhook "validation.gatekeeper.sh" denied the request: [ns-must-have-owner] x',
            "Change what the constraint refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or add here to spec.match.excludedNamespaces of the constraint in brackets",
        ),
        (
            'Internal error occurred: failed calling webhook "mesh.example.com": failed to call webhook: Post …',
            "Start the program behind webhook mesh.example.com, "
            "or delete its webhook configuration if it is no longer installed",
        ),
        (
            "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            "Change what the policy refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or exclude namespace here in spec.matchResources of ValidatingAdmissionPolicyBinding b",
        ),
        (
            "no PriorityClass with name high was found",
            "Create PriorityClass high, or correct the policy of the cluster that sets it",
        ),
        (
            "pod node label selector conflicts with its namespace node label selector",
            "Correct spec.schedulingOptions.nodeSelector, or the annotation openshift.io/node-selector or "
            "scheduler.alpha.kubernetes.io/node-selector of namespace here",
        ),
        (
            'error looking up service account here/c: serviceaccount "c" not found',
            "The operator creates the ServiceAccount again; if it cannot, the condition Reconciled has the cause",
        ),
        (
            'User "system:serviceaccount:o:o" cannot create resource "services" in API group ""',
            "Apply the roles of the operator again (manifests/), or install the operator again with OLM",
        ),
        ("something else", None),
    ],
)
def test_a_refusal_has_a_remedy_of_its_own(words: str, remedy: str | None) -> None:
    assert remedy_for(words, PODS) == remedy


def test_a_container_of_a_webhook_cannot_be_changed_in_the_spec() -> None:
    words = 'violates PodSecurity "restricted:latest": x (container "istio-init" must set …)'
    assert remedy_for(words, dataclasses.replace(PODS, has_security=False)) == (
        "spec.securityOptions is not set, so a webhook of the cluster adds these settings. Correct that webhook, "
        "or set the label pod-security.kubernetes.io/enforce=baseline on namespace here"
    )
    constraint = "unable to validate against any security context constraint: []"
    assert remedy_for(constraint, RefusedObject("here")) == (
        "Allow it with oc adm policy add-scc-to-user NAME -z default -n here"
    )


def test_a_refused_deletion_does_not_depend_on_the_spec() -> None:
    words = 'admission webhook "guard.example.com" denied the request: no'
    assert remedy_for(words, dataclasses.replace(PODS, is_deletion=True)) == (
        "Exempt namespace here in the webhook configuration that contains guard.example.com"
    )


def test_an_object_without_containers_is_changed_in_the_spec() -> None:
    words = 'admission webhook "guard.example.com" denied the request: no owner'
    assert remedy_for(words, RefusedObject("here")) == (
        "Change in the spec what the webhook refuses, "
        "or exempt namespace here in the webhook configuration that contains guard.example.com"
    )
