"""A plan combines objects, requests, problems and warnings of its components."""

from __future__ import annotations

from dataclasses import replace

from cryostat_operator.plan.model.desired_state import Blocked, ComponentPlan, Plan, without_none
from cryostat_operator.plan.model.kinds import Key, Obj, spec_hash_of
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.requests import SecretRequest

FIRST = Key("Service", "here", "first")
SECOND = Key("Service", "here", "second")
SECRET = Key("Secret", "here", "keys")
PENDING = Problem("core", Reason.SECRET_PENDING, "The Secret is not there yet.")
WARNING = Problem("core", Reason.EXTERNAL_HOST_IGNORED, "The field has no effect.")


def obj(key: Key) -> Obj:
    return {"kind": key.kind, "metadata": {"namespace": key.namespace, "name": key.name}}


CORE = ComponentPlan("core", objects=(obj(FIRST),), warnings=(WARNING,))
STORAGE = ComponentPlan(
    "storage",
    objects=(obj(SECOND),),
    requests=(SecretRequest(SECRET, {"KEY": "value"}),),
    blocked=(Blocked(Key("Deployment", "here", "storage"), PENDING),),
)
PLAN = Plan((CORE, STORAGE))


def test_a_blocked_object_is_not_written() -> None:
    part = replace(CORE, objects=(obj(FIRST), obj(SECOND))).with_blocked(Blocked(FIRST, PENDING))
    assert part.objects == (obj(SECOND),)
    assert part.blocked == (Blocked(FIRST, PENDING),)
    assert part.warnings == CORE.warnings


def test_a_plan_has_the_objects_of_all_components_in_their_order() -> None:
    assert PLAN.objects == {FIRST: obj(FIRST), SECOND: obj(SECOND)}
    assert list(PLAN.objects) == [FIRST, SECOND]
    assert PLAN.spec_hashes == {key: spec_hash_of(obj(key)) for key in (FIRST, SECOND)}
    assert list(PLAN.requests) == [SECRET]
    assert list(PLAN.blocked) == [Key("Deployment", "here", "storage")]
    assert PLAN.warnings == (WARNING,)


def test_objects_and_requested_secrets_belong_to_their_component() -> None:
    assert [PLAN.component_of(key) for key in (FIRST, SECOND, SECRET)] == ["core", "storage", "storage"]
    assert PLAN.component_of(Key("Service", "here", "unknown")) == "core"


def test_an_object_of_two_components_belongs_to_the_first() -> None:
    assert Plan((STORAGE, replace(CORE, objects=(obj(SECOND),)))).component_of(SECOND) == "storage"


def test_problems_are_listed_once_in_the_order_of_the_components() -> None:
    own = Problem("core", Reason.SECRET_NOT_FOUND, "The Secret does not exist.", actionable=True)
    twice = Plan((replace(CORE, problems=(own, PENDING)), STORAGE))
    assert twice.problems == [own, PENDING]


def test_a_problem_that_another_one_includes_is_not_listed() -> None:
    both = replace(PENDING, message="Two Secrets are not there yet.", included=(PENDING,))
    assert Plan((replace(CORE, problems=(PENDING, both)),)).problems == [both]
    itself = replace(PENDING, included=(PENDING,))
    assert Plan((replace(CORE, problems=(itself,)),)).problems == [itself]


def test_missing_items_are_left_out() -> None:
    assert without_none([obj(FIRST), None, obj(SECOND)]) == (obj(FIRST), obj(SECOND))
