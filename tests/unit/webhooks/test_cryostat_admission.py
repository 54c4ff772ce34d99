"""Admission without a cluster: defaults, answers of a review, warnings."""

from __future__ import annotations

import asyncio
import copy
from typing import Any, cast

import pytest
from hypothesis import given

from cryostat_operator.api import constants
from cryostat_operator.api.defaulting import with_defaults
from cryostat_operator.api.permission import Permission
from cryostat_operator.api.required_permissions import (
    required_permissions,
)
from cryostat_operator.api.spec_warnings import warnings_for
from cryostat_operator.api.v1beta2 import CryostatSpec
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.snapshot import NamespaceState, Snapshot
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks import cluster_reader, cryostat_admission, plan_warnings, server
from cryostat_operator.webhooks.cryostat_admission import CryostatAdmission
from cryostat_operator.webhooks.reviews import parse
from tests.unit.api.cases import SCHEDULED
from tests.unit.call_count import calls
from tests.unit.strategies import members
from tests.unit.webhooks.cryostat_requests import API_SERVER, Allowing, Reader, cryostat, validate


@given(members(CryostatSpec))
def test_every_spec_gets_a_response(spec: dict[str, Any]) -> None:
    obj = cryostat(spec)
    before = copy.deepcopy(obj)
    filled = with_defaults(obj, "n", creating=True)
    assert with_defaults(filled, "n", creating=True) == filled
    assert {**filled["spec"], **spec} == filled["spec"]
    wanted = required_permissions(filled, None, openshift=True)
    assert len(set(wanted)) == len(wanted)
    assert required_permissions(filled, filled, openshift=True) == []
    assert required_permissions(obj, None, openshift=True) == wanted
    assert all(isinstance(text, str) for text in warnings_for(obj))
    assert obj == before


@pytest.mark.parametrize("junk", [None, 5, "x", [], {"a": {}}, [[]], {"securityContext": [1]}])
def test_malformed_specs_cause_no_error(junk: Any) -> None:
    for spec in (junk, *({field.alias: junk} for field in CryostatSpec.model_fields.values())):
        obj = cryostat(spec)
        required_permissions(with_defaults(obj, "n", creating=True), obj, openshift=True)
        warnings_for(obj)


async def test_the_mutating_review_warns_about_quantities_that_the_schema_refuses() -> None:
    review = CryostatAdmission(Allowing(), cast(Any, Reader(Snapshot())), Settings(), str)
    spec = {"resources": {"limits": {"memory": "1GB"}}}
    warning = 'spec.resources.limits.memory: "1GB" is not a quantity; did you mean 1G?'
    request = {"uid": "u", "operation": "CREATE", "namespace": "n", "object": cryostat(spec)}
    for changes, said in (
        ({}, [warning]),
        ({"operation": "UPDATE", "oldObject": cryostat({})}, [warning]),
        ({"operation": "UPDATE", "oldObject": cryostat(spec)}, []),
    ):
        head = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        answer = await review.default(parse({**head, "request": {**request, **changes}}))
        assert answer["response"].get("warnings", []) == said


async def test_buckets_without_a_field_are_named_in_a_warning() -> None:
    settings = Settings.from_env({"RELATED_IMAGE_CORE": "example.com/cryostat:4.3.0"})
    spec = {
        "objectStorageOptions": {
            "secretName": "s3",
            "provider": {"url": "https://s3.example.com", "region": "r"},
            "storageBucketNameOptions": {"heapDumps": "team-heap-dumps"},
        }
    }
    answer = await validate(Reader(Snapshot(namespaces={"n": NamespaceState()})), spec, settings)
    assert any("buckets logs and heapdumpreports" in text for text in answer["response"]["warnings"])


async def test_a_namespace_has_a_limited_number_of_cryostats() -> None:
    reader = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    reader.cryostats = 499
    assert (await validate(reader))["response"]["allowed"] is True
    reader.cryostats = 500
    response = (await validate(reader))["response"]
    assert response["status"]["message"] == (
        "namespace n has 500 Cryostats; at most 500 are allowed. Delete one of them, or create the Cryostat in another "
        "namespace"
    )
    update = await validate(reader, old={"enableAudit": True})
    assert update["response"]["allowed"] is True


def test_the_parts_of_a_review_end_before_the_review_does() -> None:
    """Otherwise a slow API server would lead to a refusal, although only the count and warnings take too long."""
    parts = cryostat_admission.REVIEW_TIMEOUT, cluster_reader.COUNT_TIMEOUT, plan_warnings.TIMEOUT
    assert sum(parts) < server.ANSWER_TIMEOUT


async def test_the_text_of_the_cryostats_of_a_namespace_is_limited() -> None:
    reader = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    reader.lengths = {"b": 8 << 20}
    response = (await validate(reader, {"enableAudit": True}))["response"]
    assert response["allowed"] is False
    assert "have 8388608 characters of text" in response["status"]["message"]


TOO_LARGE: dict[str, dict[str, Any]] = {
    "certificates": {"trustedCertSecrets": [{"secretName": f"x{number}"} for number in range(30_000)]},
    "namespaces": {"targetNamespaces": [f"x{number}" for number in range(30_000)]},
    "access modes": {"storageOptions": {"pvc": {"spec": {"accessModes": ["x"] * 90_000}}}},
    "labels": {"operandMetadata": {"podMetadata": {"labels": {f"x{number}": "y" for number in range(20_000)}}}},
    "text": {"loggingOptions": {"coreLogLevel": "x" * 1_400_000}},
}


class Recording:
    """Allows everything and records the reviews."""

    def __init__(self) -> None:
        self.required: list[Permission] = []

    async def missing(self, _user: Any, required: list[Permission], _caller: str, _namespace: str) -> list[Permission]:
        self.required += required
        return []


def answers(old: Any, new: Any, reviews: Any = None, **annotations: str) -> list[dict[str, Any]]:
    """The responses of both webhooks to a creation or, with `old`, to an update that may set annotations."""
    reader = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    admission = CryostatAdmission(reviews or Allowing(), cast(Any, reader), Settings(service_tls=False), lambda: "")
    head = {"apiVersion": constants.API_VERSION, "kind": constants.KIND}
    obj = {**head, **cryostat(new)}
    obj["metadata"] = {**obj["metadata"], "annotations": annotations}
    body = {"uid": "1", "operation": "CREATE", "namespace": "n", "name": "a", "userInfo": {}, "object": obj}
    if old is not None:
        body |= {"operation": "UPDATE", "oldObject": {**head, **cryostat(old)}}
    request = parse({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": body}, API_SERVER)
    return [asyncio.run(review(request))["response"] for review in (admission.default, admission.validate)]


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_spec_that_is_too_large_is_refused_with_few_calls(name: str) -> None:
    """Otherwise any pod could block the operator for many seconds with one review."""
    found: list[dict[str, Any]] = []
    count = calls(lambda: found.extend(answers(None, TOO_LARGE[name])))
    assert count < 3 * calls(lambda: answers(None, {}))
    default, validation = found
    assert "patch" not in default
    assert validation["allowed"] is False
    assert validation["status"]["code"] == 422


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_stored_oversized_cryostat_can_be_changed_and_shortened(name: str) -> None:
    stored = {**TOO_LARGE[name], "databaseOptions": {"secretName": "keys"}}
    accepted = {constants.ANNOTATION_ACCEPT_NAMESPACES: "uid"}
    reviews = Recording()
    assert answers(stored, stored, team="x")[1]["allowed"] is True
    assert answers(stored, stored, **accepted)[1]["allowed"] is False
    assert answers(stored, stored, **SCHEDULED)[1]["allowed"] is False
    assert answers(stored, {**stored, "enableAudit": True})[1]["allowed"] is False
    shortened = {"databaseOptions": {"secretName": "keys"}, "targetNamespaces": ["n", "x1"]}
    assert answers(stored, shortened, reviews)[1]["allowed"] is True
    assert [each.namespace for each in reviews.required] == ["x1"]


@pytest.mark.parametrize("old", [None, {}])
def test_wrong_annotations_of_a_scheduled_backup_are_refused(old: Any) -> None:
    assert answers(old, {}, **SCHEDULED)[1]["allowed"] is True
    for key, value in ((constants.ANNOTATION_BACKUP_SCHEDULE, "daily"), (constants.ANNOTATION_BACKUP_TARGET, "/x")):
        refused = answers(old, {}, **SCHEDULED | {key: value})[1]
        assert refused["allowed"] is False
        assert refused["status"]["code"] == 422
        assert refused["status"]["message"].startswith(f'Annotation {key} is "{value}": ')


async def test_the_data_of_a_backup_is_not_restored_into_an_older_database() -> None:
    versions = {constants.ANNOTATION_RESTORED_RELEASE: "postgresql=99"}
    obj = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, **cryostat({})}
    obj["metadata"] = {**obj["metadata"], "annotations": versions}
    reader = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    admission = CryostatAdmission(Allowing(), cast(Any, reader), Settings(service_tls=False), lambda: "")
    for operation, allowed in (("CREATE", False), ("UPDATE", True)):
        body = {"uid": "1", "operation": operation, "namespace": "n", "name": "a", "userInfo": {}, "object": obj}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**body, "oldObject": obj}}
        response = (await admission.validate(parse(review, API_SERVER)))["response"]
        assert response["allowed"] is allowed
        assert allowed or "The backup was made with PostgreSQL 99" in response["status"]["message"]


async def test_an_error_before_the_checks_are_done_allows_nothing() -> None:
    with pytest.raises(RuntimeError):
        await validate(Reader(Snapshot(), RuntimeError("a bug")))


async def test_before_the_platform_is_known_nothing_is_allowed_that_needs_more_on_openshift() -> None:
    reader = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    privileged = {"securityOptions": {"coreSecurityContext": {"privileged": True}}}
    host = {"networkOptions": {"coreConfig": {"externalHost": "theirs.example.com"}}}
    reader.platform_known = False
    for spec in (privileged, host):
        response = (await validate(reader, spec))["response"]
        assert (response["allowed"], response["status"]["code"]) == (False, 503)
    assert (await validate(reader))["response"]["allowed"] is True
    reader.platform_known = True
    for spec in (privileged, host):
        assert (await validate(reader, spec))["response"]["allowed"] is True


class Reviews:
    """Permissions that are missing, or an error of the review."""

    def __init__(self, missing: list[Permission], error: Exception | None = None) -> None:
        self._missing, self._error = missing, error

    async def missing(self, *_: Any) -> list[Permission]:
        if self._error:
            raise self._error
        return self._missing


async def refusal(reviews: Any, reader: Reader | None = None, spec: Any = None, old: Any = None) -> tuple[int, str]:
    """HTTP status and message of a refused review."""
    snapshot = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    admission = CryostatAdmission(reviews, cast(Any, reader or snapshot), Settings(service_tls=False), lambda: "")
    head = {"apiVersion": constants.API_VERSION, "kind": constants.KIND}
    body: dict[str, Any] = {"uid": "1", "operation": "CREATE", "namespace": "n", "name": "a"}
    body |= {"userInfo": {"username": "alice"}, "object": {**head, **cryostat(spec or {})}}
    if old is not None:
        body |= {"operation": "UPDATE", "oldObject": {**head, **cryostat(old)}}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": body}
    response = (await admission.validate(parse(review, API_SERVER)))["response"]
    assert response["allowed"] is False
    return response["status"]["code"], response["status"]["message"]


async def test_the_messages_of_refused_reviews() -> None:
    needed = Permission("create", constants.GROUP, constants.PLURAL, "shop", cause="spec.targetNamespaces")
    text = (
        'user "alice" may not create cryostats.operator.cryostat.io in namespace "shop", '
        "which spec.targetNamespaces requires"
    )
    remedy = "Ask an administrator for this permission"
    assert await refusal(Reviews([needed])) == (403, f"{text}. {remedy}")
    several = (403, f"{text} (and further permissions are missing). {remedy}")
    assert await refusal(Reviews([needed, needed])) == several
    unavailable = Reviews([], ApiUnavailable(0, "Unavailable", "connection refused"))
    text = "cannot check the permissions of the user: connection refused; try again"
    assert await refusal(unavailable) == (503, text)
    forbidden = Reviews([], ApiError(403, "Forbidden", "no access"))
    assert await refusal(forbidden) == (403, "cannot check the permissions of the user: no access")
    text = "cannot check 2 permissions in time: add fewer namespaces and Secrets at a time"
    assert await refusal(Reviews([], TimeoutError()), spec={"targetNamespaces": ["n", "shop"]}) == (504, text)


async def test_the_message_while_the_platform_is_unknown() -> None:
    reader = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    reader.platform_known = False
    spec = {"networkOptions": {"coreConfig": {"externalHost": "theirs.example.com"}}}
    text = (
        "the operator has not detected yet whether the cluster is OpenShift, which requires other permissions; "
        "try again in a few seconds"
    )
    assert await refusal(Allowing(), reader, spec) == (503, text)


async def test_the_message_about_another_secret_of_an_existing_database() -> None:
    key = Key("PersistentVolumeClaim", "n", "a-database")
    claim = {
        "kind": key.kind,
        "metadata": {"name": key.name, "namespace": "n", "labels": {constants.LABEL_DATABASE_SECRET: "a-db"}},
        "spec": {},
    }
    reader = Reader(Snapshot(live={key: claim}, namespaces={"n": NamespaceState()}))
    text = (
        "spec.databaseOptions.secretName: the database exists and its data is encrypted with the keys of Secret a-db; "
        "it cannot change to other"
    )
    assert await refusal(Allowing(), reader, {"databaseOptions": {"secretName": "other"}}, old={}) == (422, text)


async def test_a_cryostat_that_the_operator_would_not_serve_is_refused_before_its_permissions_are_reviewed() -> None:
    for settings, spec, said in (
        (Settings(watch_namespaces=("m",)), {}, "the operator does not serve namespace n"),
        (Settings(watch_namespaces=("n",)), {"targetNamespaces": ["n", "m"]}, "does not serve namespace m"),
    ):
        response = (await validate(Reader(Snapshot()), spec, settings))["response"]
        assert (response["allowed"], response["status"]["code"]) == (False, 403)
        assert said in response["status"]["message"]
    assert (await validate(Reader(Snapshot()), {}, Settings(watch_namespaces=("n",))))["response"]["allowed"]
