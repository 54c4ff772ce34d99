"""Tests of rendering objects as YAML without a cluster."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cryostat_operator.cli import main
from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.render import assumed_plan, left_out, manifests
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, cryostat

EGRESS = {"networkPolicies": {"coreConfig": {"egressEnabled": True}}}
POLICY = "NetworkPolicy here/sample-internal-egress"


def plan_of(spec: dict[str, Any] | None = None, *, tls: bool = False, openshift: bool = False) -> Plan:
    return assumed_plan(cryostat(spec), Settings(service_tls=tls), openshift=openshift)


def test_all_objects_are_rendered_in_the_order_of_the_plan() -> None:
    plan = plan_of()
    documents = list(yaml.safe_load_all(manifests(plan)))
    assert documents == list(plan.objects.values())
    assert Key("Deployment", NAMESPACE, "sample") in plan.objects


@pytest.mark.parametrize("openshift", [False, True])
@pytest.mark.parametrize("with_cert_manager", [None, False, True])
def test_nothing_is_left_out_that_can_be_assumed(*, openshift: bool, with_cert_manager: bool | None) -> None:
    spec = {} if with_cert_manager is None else {"enableCertManager": with_cert_manager}
    plan = plan_of(spec | {"targetNamespaces": ["here", "apps"]}, tls=True, openshift=openshift)
    assert not plan.blocked
    assert not manifests(plan).startswith("#")
    kinds = {key.kind for key in plan.objects}
    assert ("Certificate" in kinds) == bool(with_cert_manager)
    assert ("Route" in kinds) == openshift


def test_objects_that_need_a_cluster_are_named_in_a_comment_with_the_reason() -> None:
    plan = plan_of(EGRESS)
    (line,) = left_out(plan)
    assert line == (
        f"Not rendered, needs a cluster: {POLICY}. The NetworkPolicy for egress of the application is not written: the "
        "addresses of the API server are not known."
    )
    text = manifests(plan)
    assert text.startswith(f"# {line}\n")
    names = {(obj["kind"], obj["metadata"]["name"]) for obj in yaml.safe_load_all(text)}
    assert ("NetworkPolicy", "sample-internal-egress") not in names


def test_the_command_names_omitted_objects_on_standard_error_too() -> None:
    body = {"apiVersion": "operator.cryostat.io/v1beta2", "kind": "Cryostat", "metadata": {"name": "sample"}}
    text = yaml.safe_dump(body | {"spec": EGRESS})
    result = CliRunner().invoke(main, ["render", "-n", NAMESPACE, "-"], input=text)
    assert result.exit_code == 0
    assert POLICY in result.stderr
    assert f"# {result.stderr.splitlines()[0]}" in result.stdout
