"""Many reviews of authors, and Cryostats with many namespaces, on a real API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import urllib3

from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.cluster.agent_pods import agents, labels_of, pod
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.authors import cryostat, reconciled_cryostat, refused, reviewed
from tests.cluster.memory import limit, peak, reset_peak
from tests.cluster.webhook_calls import Caller, creation, review
from tests.cluster.webhook_calls import _quiet as _quiet
from tests.cluster.webhook_calls import caller as caller
from tests.cluster.webhooks import CRYOSTATS, WebhookPlane, rule

EPHEMERAL = {"storageOptions": {"emptyDir": {"enabled": True}}}  # the cluster has few volumes


@pytest.fixture
def wide(webhooks: WebhookPlane, home: str) -> Api:
    """A user with all permissions on Cryostats, in all namespaces."""
    group, metadata = "rbac.authorization.k8s.io", {"name": f"all-{home}"}
    head = {"apiVersion": f"{group}/v1", "metadata": metadata}
    webhooks.api.apply({**head, "kind": "ClusterRole", "rules": [CRYOSTATS]})
    user = {"apiGroup": group, "kind": "User", "name": f"wide-{home}"}
    role = {"apiGroup": group, "kind": "ClusterRole", "name": f"all-{home}"}
    webhooks.api.apply({**head, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [user]})
    found = webhooks.api.impersonating(f"wide-{home}")
    eventually(lambda: found.create(cryostat(home), dryRun="All"))
    return found


def test_two_hundred_namespaces_are_reviewed_in_time(wide: Api, home: str) -> None:
    """The API server gives up after ten seconds."""
    wide.create(cryostat(home, {"targetNamespaces": [f"nowhere-{n}" for n in range(200)]}), dryRun="All")


def test_many_namespaces_are_reviewed_while_others_are_answered(wide: Api, dev: Api, home: str) -> None:
    many = {"targetNamespaces": [f"nowhere-{n}" for n in range(1_000)]}
    with ThreadPoolExecutor(2) as pool:
        flood = pool.submit(lambda: reviewed(wide, cryostat(home, many)))
        dev.create(cryostat(home, {"targetNamespaces": [home]}), dryRun="All")
        assert flood.result() in ("allowed", "refused in time")
    too_many = {"targetNamespaces": [f"nowhere-{n}" for n in range(20_000)]}
    assert "at most 1000 items" in refused(lambda: wide.create(cryostat(home, too_many), dryRun="All"), 422)
    dev.create(cryostat(home, {"authorizationOptions": {"openShiftSSO": {"disable": True}}}), dryRun="All")


def test_many_authors_write_at_once(webhooks: WebhookPlane, dev: Api, home: str, away: str) -> None:
    def write(number: int) -> int:
        spec = {"targetNamespaces": [home, away] if number % 2 else [home]}
        try:
            dev.create(cryostat(home, spec), dryRun="All")
        except ApiError as error:
            return error.code
        return 201

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(write, range(200)))
    assert answers == [201, 403] * 100


# --- attacks of a tenant ---------------------------------------------------------------------------------------------

TOO_LARGE: dict[str, Any] = {
    "trustedCertSecrets": {"trustedCertSecrets": [{"secretName": f"x{number}"} for number in range(30_000)]},
    "accessModes": {"storageOptions": {"pvc": {"spec": {"accessModes": ["ReadWriteOnce"] * 90_000}}}},
    "labels": {"operandMetadata": {"podMetadata": {"labels": {f"x{number}": "y" for number in range(20_000)}}}},
    "quantity": {"resources": {"coreResources": {"limits": {"cpu": "1" * 200_000}}}},
}
MANY_LABELS = {f"x{number}": "y" for number in range(20_000)}
OPTIONS = ("-javaagent:cryostat-agent" * 1_000, "-Dx=" + "1" * 24_000, "-javaagent:" * 2_200)


def run_pods(api: Api, namespace: str) -> None:
    """Report all pods of a namespace as ready, as a kubelet would."""
    conditions = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "ContainersReady", "Ready")]
    for each in api.list("v1", "Pod", namespace):
        api.patch(each, {"status": {"phase": "Running", "conditions": conditions}}, sub="status")


def test_attacks_of_a_tenant_do_not_delay_another(
    webhooks: WebhookPlane, caller: Caller, dev: Api, home: str, away: str
) -> None:
    """Large specs, pods with large options or many labels, large bodies and forged reviews: another becomes Ready."""
    own = dev.create(reconciled_cryostat(home))
    webhooks.grant(f"pods-{home}", home, [rule("", "pods", "create")])
    author = webhooks.api.impersonating(f"pods-{home}")

    def large_spec(name: str) -> None:
        refused(lambda: dev.create(cryostat(home, TOO_LARGE[name]), dryRun="All"), 422)

    labels = labels_of(home, own["metadata"]["name"])

    def java_options(text: str) -> bool:
        made = author.create(pod(home, labels, {"env": [{"name": "JAVA_TOOL_OPTIONS", "value": text}]}), dryRun="All")
        return len(agents(made)) == 1

    def many_labels() -> None:
        made = author.create(pod(home, {**MANY_LABELS, **labels}), dryRun="All")
        assert not agents(made), "a pod of this size is not changed"

    def body(path: str) -> None:
        # The server may close the connection before it has read everything.
        with suppress(urllib3.exceptions.HTTPError):
            assert caller.post(path, b"[" + b"{}," * 1_300_000 + b"{}]")[0] in (400, 413, 503)

    def forged(number: int) -> None:
        user = {"username": f"u{number}", "groups": ["system:masters"], "extra": {"x": ["y" * 100_000]}}
        answers = set()
        for secret in ("exists", "absent"):
            spec = {"trustedCertSecrets": [{"secretName": secret}], "targetNamespaces": [away]}
            status, text = caller.post(WebhookPaths.VALIDATE, review(creation(spec, namespace=away, userInfo=user)))
            answers.add((status, text.replace(secret, "")))
        assert len(answers) == 1

    webhooks.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "exists", "namespace": away}})
    attacks: list[Callable[[], object]] = [
        *(partial(large_spec, name) for name in TOO_LARGE),
        *(partial(java_options, text) for text in OPTIONS * 4),
        *[many_labels] * 4,
        *(partial(body, path) for path in (WebhookPaths.VALIDATE, WebhookPaths.CONVERT) * 8),
        *(partial(forged, number) for number in range(50)),
    ]
    reset_peak(webhooks.operator)  # tests of other files used the same operator
    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(attack) for attack in attacks]
        ready(webhooks, webhooks.api.create(reconciled_cryostat(away, EPHEMERAL)))
        for result in results:
            result.result()
    # The API server admits a pod without the agent if the webhook does not answer in time.
    for text in OPTIONS:
        eventually(partial(java_options, text), what="the webhook answers for these options")
    # Other files have used this operator before, and the memory that they needed is not all given back.
    assert peak(webhooks.operator) < limit() * 0.9


def ready(webhooks: WebhookPlane, made: Object) -> None:
    metadata = made["metadata"]

    def now() -> bool:
        run_pods(webhooks.api, metadata["namespace"])
        obj = webhooks.api.get(made["apiVersion"], made["kind"], metadata["name"], metadata["namespace"])
        found = condition(obj, "Ready")
        assert found.get("status") == "True", json.dumps(found)
        return True

    eventually(now, what="the Cryostat of another tenant is Ready")
