"""The table of annotations."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants, known_annotations
from cryostat_operator.api.conversion import ANNOTATION as PRESERVED
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.plan.model.kinds import InstanceKey
from tests.unit.cluster_state import NAME, NAMESPACE

# Annotations of other objects, which a Cryostat does not have.
_OF_OTHER_OBJECTS = (
    "DATABASE_KEYS",
    "DATABASE_RELEASE",
    "INGRESS_CLASS",
    "LOGIN_HASH",
    "SHARED_SECRET_HASH",
    "KEYSTORE_PASSWORD",
)


def _body(version: str, **metadata: object) -> dict[str, object]:
    identity = {"name": NAME, "namespace": NAMESPACE, "uid": "1", "resourceVersion": version}
    return {"metadata": identity | metadata, "spec": {}}


def test_every_annotation_of_a_cryostat_is_in_the_table() -> None:
    others = {f"ANNOTATION_{name}" for name in _OF_OTHER_OBJECTS}
    own = {
        value
        for name, value in vars(constants).items()
        if name.startswith("ANNOTATION_") and name not in others and value.startswith(f"{constants.GROUP}/")
    }
    assert {*own, PRESERVED} == set(known_annotations.KNOWN)
    assert len(known_annotations.KNOWN) == len(set(known_annotations.KNOWN))


@pytest.mark.parametrize("key", known_annotations.KNOWN)
def test_the_store_keeps_the_annotations_that_the_reconciliation_depends_on(key: str) -> None:
    enqueued: list[InstanceKey] = []
    store = CryostatStore(enqueued.append)
    store.handle_event("ADDED", _body("1"))
    enqueued.clear()
    store.record_write(_body("2", annotations={key: "value"}))
    assert bool(enqueued) == (key in known_annotations.RECONCILED)
    kept = (store.get(InstanceKey(NAMESPACE, NAME)) or {})["metadata"].get("annotations")
    assert kept == ({key: "value"} if key in known_annotations.RECONCILED else None)
