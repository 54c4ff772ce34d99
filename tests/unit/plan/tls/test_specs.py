"""The certificates of an instance: names, host names and Secrets."""

from __future__ import annotations

from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.snapshot import NamespaceState, Snapshot
from cryostat_operator.plan.tls import specs
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, cryostat

INSTANCE = Instance(
    cryostat({"targetNamespaces": ["apps", "gone"]}),
    Snapshot(namespaces={NAMESPACE: NamespaceState(), "apps": NamespaceState()}),
    Settings(),
)


def test_every_certificate_has_a_secret_and_a_certificate_object_of_its_own() -> None:
    found = specs.certificates(INSTANCE)
    assert len({spec.name for spec in found}) == len({spec.secret for spec in found}) == len(found) == 6
    expected = [(names.ca_secret(NAMESPACE, NAME), f"{NAME}-ca"), *((spec.secret, spec.name) for spec in found)]
    assert list(specs.certificate_names(INSTANCE).items()) == expected


def test_agents_of_reachable_namespaces_share_one_wildcard_certificate() -> None:
    agents = [spec for spec in specs.certificates(INSTANCE) if spec.common_name == "cryostat-agent"]
    service = names.agent_callback_service(NAMESPACE, NAME)
    assert [spec.dns_names for spec in agents] == [(f"*.{service}.apps.svc",)]
    assert all(spec.rsa and spec.usages == ("server auth", "client auth") for spec in agents)


def test_servers_are_valid_for_all_names_of_their_service() -> None:
    database = next(spec for spec in specs.certificates(INSTANCE) if spec.common_name == "cryostat-db")
    service = f"{NAME}-database"
    assert database.dns_names == (service, f"{service}.{NAMESPACE}.svc", f"{service}.{NAMESPACE}.svc.cluster.local")
    assert database.usages == ("server auth",)
