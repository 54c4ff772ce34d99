"""States of an instance with TLS, for both issuers."""

from __future__ import annotations

from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS, Key, Obj
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

# The kinds that the API server serves without and with cert-manager.
WITHOUT = frozenset(name for name, kind in KINDS.items() if not kind.optional)
WITH = WITHOUT | {"Issuer", "Certificate"}
CA = Key("Secret", NAMESPACE, names.ca_secret(NAMESPACE, NAME))
UID = "11111111-2222-3333-4444-555555555555"


def state(
    asked: bool | None = None, *, apis: frozenset[str] = WITHOUT, on: bool = True, targets: tuple[str, ...] = ()
) -> ClusterState:
    spec: Obj = {"targetNamespaces": list(targets)} if targets else {}
    if asked is not None:
        spec["enableCertManager"] = asked
    return ClusterState(cryostat(spec), settings=Settings(service_tls=on), snapshot=Snapshot(apis=apis))


def certificate(state: ClusterState, suffix: str = "database-tls") -> Key:
    return Key("Secret", NAMESPACE, f"{NAME}-{suffix}")


def tls_reason(state: ClusterState) -> tuple[str, str]:
    conditions = status_for(state.instance, state.plan, Report(), "now")["conditions"]
    found = next(c for c in conditions if c["type"] == "TLSSetupComplete")
    return found["status"], found["reason"]


def with_uid(obj: Obj) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "uid": "u"}}
