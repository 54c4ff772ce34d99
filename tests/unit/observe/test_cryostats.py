"""The newest state of every Cryostat, from the watch or from the response to a write of the operator."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.api.limits import size_problems
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.plan.model.kinds import InstanceKey

OWNER = InstanceKey("here", "sample")


def body(version: int, spec: dict[str, Any] | None = None, uid: str = "u", **metadata: Any) -> dict[str, Any]:
    own = {"namespace": "here", "name": "sample", "uid": uid, "resourceVersion": str(version)}
    return {"metadata": own | metadata, "spec": spec or {}, "status": {"observedGeneration": version}}


class Enqueued(list[InstanceKey]):
    """Records the enqueued instances."""


def store() -> tuple[CryostatStore, Enqueued]:
    enqueued = Enqueued()
    cryostats = CryostatStore(enqueued.append)
    cryostats.handle_event(None, body(10))
    enqueued.clear()
    return cryostats, enqueued


def version(cryostats: CryostatStore) -> str:
    found = cryostats.get(OWNER)
    assert found
    return str(found["metadata"]["resourceVersion"])


def test_a_change_during_a_status_write_is_not_lost() -> None:
    cryostats, enqueued = store()
    cryostats.record_write(body(12, {"enableAudit": True}))  # the change has version 11
    assert enqueued == [OWNER]
    cryostats.handle_event("MODIFIED", body(11, {"enableAudit": True}))
    cryostats.handle_event("MODIFIED", body(12, {"enableAudit": True}))
    assert (enqueued, version(cryostats)) == ([OWNER], "12")


def test_a_deletion_during_a_status_write_is_not_lost() -> None:
    cryostats, enqueued = store()
    cryostats.record_write(body(12, deletionTimestamp="2030-01-01T00:00:00Z"))
    assert enqueued == [OWNER]


def test_writes_of_status_and_finalizer_enqueue_nothing() -> None:
    cryostats, enqueued = store()
    cryostats.record_write(body(11, finalizers=[constants.FINALIZER], managedFields=[{}]))
    cryostats.handle_event("MODIFIED", body(11, finalizers=[constants.FINALIZER]))
    assert (enqueued, version(cryostats)) == ([], "11")


def test_a_late_response_does_not_restore_an_older_state() -> None:
    cryostats, _ = store()
    cryostats.handle_event("MODIFIED", body(13, {"enableAudit": True}))
    cryostats.record_write(body(12))
    assert version(cryostats) == "13"


def test_a_late_response_does_not_restore_a_deleted_cryostat() -> None:
    cryostats, enqueued = store()
    cryostats.handle_event("DELETED", body(11))
    cryostats.record_write(body(12))
    assert (cryostats.get(OWNER), enqueued) == (None, [OWNER])


def test_a_late_response_does_not_replace_a_newer_cryostat_of_that_name() -> None:
    cryostats, _ = store()
    cryostats.handle_event("ADDED", body(12, uid="v"))
    cryostats.record_write(body(13))
    assert version(cryostats) == "12"


def test_the_deletion_of_an_earlier_cryostat_does_not_remove_the_next_one() -> None:
    cryostats, _ = store()
    cryostats.handle_event("ADDED", body(12, uid="v"))
    cryostats.handle_event("DELETED", body(11))
    assert version(cryostats) == "12"


def test_a_list_replaces_the_state_even_if_it_is_older() -> None:
    cryostats, enqueued = store()
    cryostats.handle_event(None, body(4))
    assert (version(cryostats), enqueued) == ("4", [OWNER])


def test_fields_that_the_operator_does_not_read_are_not_kept() -> None:
    cryostats, _ = store()
    known = {constants.ANNOTATION_HIBERNATION: "on", constants.ANNOTATION_PAUSE: "x" * 100_000}
    large = {f"{constants.GROUP}/preserved": "x" * 100_000, "kubectl.kubernetes.io/x": "x" * 100_000}
    metadata: dict[str, Any] = {"labels": {"x": "y"}, "managedFields": [{}], "annotations": {**known, **large}}
    cryostats.handle_event("MODIFIED", body(11, {"enableAudit": True}, **metadata))
    found = cryostats.get(OWNER)
    assert found
    assert found["metadata"].keys() == {"namespace", "name", "uid", "resourceVersion", "annotations"}
    assert found["metadata"]["annotations"] == {constants.ANNOTATION_HIBERNATION: "on"}
    assert found["spec"] == {"enableAudit": True}


def test_of_an_oversized_spec_only_the_problem_is_kept() -> None:
    cryostats, enqueued = store()
    large = {"a": {"b": "x" * 1_000_000}}
    cryostats.handle_event("MODIFIED", body(11, large))
    found = cryostats.get(OWNER)
    assert found
    assert len(str(found)) < 1_000
    assert "characters of text" in size_problems(found["spec"])[0]
    enqueued.clear()
    cryostats.record_write(body(12, large))
    assert enqueued == []
    cryostats.record_write(body(13, {}))
    assert enqueued == [OWNER]
