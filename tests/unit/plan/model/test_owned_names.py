"""The names that the objects of one instance can have."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import InstanceKey, Key
from cryostat_operator.plan.model.owned_names import can_own, possible_keys
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState
from tests.unit.strategies import cryostats

INSTANCE = InstanceKey("here", "x")


@pytest.mark.parametrize(
    "key",
    [
        Key("Deployment", "here", "x"),
        Key("Deployment", "here", "x-database"),
        Key("PersistentVolumeClaim", "here", "x"),  # of old releases
        Key("Role", "here", "x"),  # of old releases
        Key("Secret", "here", names.ca_secret("here", "x")),
        Key("Secret", "here", names.agent_certificate("here", "x", "there")),
        Key("Certificate", "here", names.agent_certificate("here", "x", "there")),
        Key("Secret", "there", names.agent_certificate("here", "x", "there")),
        Key("RoleBinding", "there", names.instance_hash_name("here", "x")),
        Key("Service", "there", names.agent_callback_service("here", "x")),
        Key("ConsoleLink", "", names.instance_hash_name("here", "x")),
    ],
)
def test_names_of_an_instance(key: Key) -> None:
    assert can_own(INSTANCE, key)


def test_a_name_may_begin_like_a_hashed_one() -> None:
    assert can_own(InstanceKey("here", "cryostat"), Key("Secret", "here", names.ca_secret("here", "cryostat")))


@pytest.mark.parametrize(
    "key",
    [
        Key("Deployment", "there", "x-database"),
        Key("Deployment", "here", "x-other"),
        Key("ConfigMap", "here", "x"),
        Key("Pod", "here", "x"),
        Key("Deployment", "here", "-database"),
        Key("Secret", "here", names.ca_secret("here", "y")),
        Key("Secret", "elsewhere", names.agent_certificate("here", "x", "there")),
        Key("ConfigMap", "there", names.ca_secret("here", "x")),
        Key("Deployment", "there", names.instance_hash_name("here", "x")),
        Key("Role", "there", names.instance_hash_name("here", "x")),
        Key("Secret", "there", names.agent_callback_service("here", "x")),
    ],
)
def test_names_of_other_objects(key: Key) -> None:
    assert not can_own(INSTANCE, key)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cryostats(), st.booleans())
def test_every_planned_object_has_such_a_name(cryostat: Cryostat, openshift: bool) -> None:
    most_objects = Settings(service_tls=False, proxy_secrets=True)
    state = ClusterState(cryostat, openshift=openshift, settings=most_objects).settle()
    plan = state.plan
    instance_key = InstanceKey(cryostat.metadata["namespace"], cryostat.metadata["name"])
    planned = {*plan.objects, *plan.requests, *plan.blocked}
    assert {key for key in planned if not can_own(instance_key, key)} == set()
    assert planned - possible_keys(instance_key, state.instance.target_namespaces) == set()


def test_possible_objects_are_those_that_an_instance_can_own() -> None:
    found = possible_keys(INSTANCE, ["here", "there"])
    assert Key("Deployment", "here", "x-reports") in found
    assert Key("RoleBinding", "there", names.instance_hash_name("here", "x")) in found
    assert {key for key in found if not can_own(INSTANCE, key)} == set()
