"""Random pods with the agent's labels, on a real API server: none becomes invalid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from tests.cluster.agent_pods import agents, labels_of, pod
from tests.cluster.api import ApiError, Object, eventually
from tests.cluster.pods import pods
from tests.cluster.webhooks import WebhookPlane


@pytest.fixture(scope="module")
def instances(webhooks: WebhookPlane) -> Iterator[list[dict[str, str]]]:
    """Labels for instances with and without TLS and names, in a namespace with limits and a quota."""
    api, home = webhooks.api, "random-pods"
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}})
    limits = {"type": "Container", "max": {"cpu": "4", "memory": "4Gi"}, "min": {"cpu": "1m", "memory": "1Mi"}}
    api.create(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "limits", "namespace": home},
            "spec": {"limits": [limits]},
        }
    )
    data = {"JAVA_TOOL_OPTIONS": "-Xmx1g", "BASEURI": "x"}
    metadata = {"name": "given", "namespace": home}
    api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    specs: dict[str, Object] = {
        "plain": {"enableCertManager": False},
        "tls": {"enableCertManager": True},
        "large": {
            "enableCertManager": False,
            "agentOptions": {"disableHostnameVerification": True, "resources": {"limits": {"cpu": "50m"}}},
        },
    }
    for name, spec in specs.items():
        head: Object = {"name": name, "namespace": home, "annotations": {constants.ANNOTATION_PAUSE: "true"}}
        api.create({"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": head, "spec": spec})
    certificate = {"name": names.agent_certificate(home, "tls", home), "namespace": home}
    api.create({"apiVersion": "v1", "kind": "Secret", "metadata": certificate})
    eventually(lambda: agents(api.create(pod(home, labels_of(home, "tls")), dryRun="All")))
    eventually(lambda: api.list("v1", "LimitRange", home))
    yield [labels_of(home, name) for name in specs]
    api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}})


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(pods(), st.integers(0, 2))
def test_no_pod_becomes_invalid(
    webhooks: WebhookPlane, instances: list[dict[str, str]], random: Object, which: int
) -> None:
    """A pod that the API server accepts without the agent is accepted with it, also when it is sent again."""
    home = instances[which][constants.AGENT_LABEL_NAMESPACE]
    without = {**random, "metadata": {**random["metadata"], "namespace": home}}
    try:
        webhooks.api.create(without, dryRun="All")
    except ApiError as error:
        if error.code in (403, 422):
            return
        raise
    labels = {**random["metadata"]["labels"], **instances[which]}
    asks = {**without, "metadata": {**without["metadata"], "labels": labels}}
    made = webhooks.api.create(asks, dryRun="All")
    again = webhooks.api.create({**asks, "spec": made["spec"]}, dryRun="All")
    assert again["spec"] == made["spec"]
    event(f"instrumented: {agents(made)[-1:] == ['cryostat-agent-init']}")
