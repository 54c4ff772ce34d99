"""Conversion between the versions loses no field in a round trip, and keeps changes made in the other version."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryostat_operator.api import constants, v1beta1, v1beta2
from cryostat_operator.api.conversion import ANNOTATION, convert
from cryostat_operator.api.validation import read_cryostat
from cryostat_operator.api.workload_options import ReportOptions
from tests.unit.strategies import NAMES, NAMESPACES, members

OLD, NEW = v1beta1.API_VERSION, constants.API_VERSION
ANNOTATIONS = st.dictionaries(st.sampled_from(["a", "example.com/b"]), st.text(max_size=3), min_size=1, max_size=2)
_KEYS = st.sampled_from(
    [
        "spec", "status", "metadata", "v1beta1", "v1beta2", "trustedCertSecrets", "targetNamespaces", "storageOptions",
        "pvc", "secretName", "configMapName", "minimal",
    ]
)  # fmt: skip
_SCALARS = st.none() | st.booleans() | st.integers() | st.text()
JUNK = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner))


def objects(version: Any) -> st.SearchStrategy[dict[str, Any]]:
    metadata = st.fixed_dictionaries(
        {"name": NAMES, "namespace": NAMESPACES}, optional={"annotations": ANNOTATIONS, "labels": ANNOTATIONS}
    )
    parts = {"spec": members(version.CryostatSpec), "status": members(version.CryostatStatus)}
    head = {
        "apiVersion": st.just(OLD if version is v1beta1 else NEW),
        "kind": st.just("Cryostat"),
        "metadata": metadata,
    }
    return st.fixed_dictionaries(head, optional=parts)


def old(spec: Any, **metadata: Any) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "n", **metadata}
    return {"apiVersion": OLD, "kind": "Cryostat", "metadata": metadata, "spec": spec}


def new(spec: Any, **metadata: Any) -> dict[str, Any]:
    return {**old(spec, **metadata), "apiVersion": NEW}


@given(objects(v1beta2))
def test_a_round_trip_from_v1beta2_keeps_all_fields(obj: dict[str, Any]) -> None:
    before = copy.deepcopy(obj)
    there = convert(obj, OLD)
    v1beta1.Cryostat.model_validate(there)
    assert convert(there, NEW) == obj == before
    assert convert(convert(convert(there, NEW), OLD), NEW) == obj


@given(objects(v1beta1))
def test_a_round_trip_from_v1beta1_keeps_all_fields(obj: dict[str, Any]) -> None:
    before = copy.deepcopy(obj)
    there = convert(obj, NEW)
    assert convert(there, OLD) == obj == before
    assert convert(convert(convert(there, OLD), NEW), OLD) == obj


@given(objects(v1beta2), members(ReportOptions))
def test_a_change_in_the_other_version_is_kept_and_removes_nothing(
    obj: dict[str, Any], reports: dict[str, Any]
) -> None:
    there = convert(obj, OLD)
    there["spec"] = {**there.get("spec", {}), "reportOptions": reports}
    back = convert(there, NEW)
    assert back["spec"]["reportOptions"] == reports
    spec = {k: v for k, v in obj.get("spec", {}).items() if k != "reportOptions"}
    rest = {k: v for k, v in back["spec"].items() if k != "reportOptions"}
    assert rest == spec or rest == {**spec, "targetNamespaces": [obj["metadata"]["namespace"]]}


@given(JUNK)
def test_no_annotation_makes_the_conversion_fail_or_sets_other_fields(junk: Any) -> None:
    """If one object could not be converted, all Cryostats of the cluster would be unreadable."""
    for version, other in ((OLD, NEW), (NEW, OLD)):
        for annotation in (junk, {"v1beta1": junk}, {"v1beta2": junk}, {"v1beta2": {"spec": junk, "status": junk}}):
            obj = {**old(junk), "apiVersion": version}
            obj["metadata"]["annotations"] = {ANNOTATION: json.dumps(annotation)}
            obj["status"] = {"databaseSecret": "keys"}
            there = convert(obj, other)
            assert there["status"] == {"databaseSecret": "keys"}
            convert(there, version)


def test_renamed_fields_are_converted() -> None:
    spec = {
        "minimal": True,
        "jmxCacheOptions": {"targetCacheSize": 5, "targetCacheTTL": 6},
        "jmxCredentialsDatabaseOptions": {"databaseSecretName": "keys"},
        "targetDiscoveryOptions": {"builtInDiscoveryDisabled": True, "discoveryPortNames": ["a"]},
        "maxWsConnections": 3,
        "serviceOptions": {"coreConfig": {"httpPort": 1, "jmxPort": 2}, "grafanaConfig": {"httpPort": 3}},
    }
    converted = convert(old(spec), NEW)
    assert converted["spec"] == {
        "targetNamespaces": ["n"],
        "targetConnectionCacheOptions": {"targetCacheSize": 5, "targetCacheTTL": 6},
        "databaseOptions": {"secretName": "keys"},
        "targetDiscoveryOptions": {"disableBuiltInDiscovery": True, "discoveryPortNames": ["a"]},
        "serviceOptions": {"coreConfig": {"httpPort": 1}},
    }
    read_cryostat(converted)
    assert json.loads(converted["metadata"]["annotations"][ANNOTATION]) == {
        "v1beta1": {
            "spec": {
                "minimal": True,
                "maxWsConnections": 3,
                "serviceOptions": {"coreConfig": {"jmxPort": 2}, "grafanaConfig": {"httpPort": 3}},
            }
        }
    }


def test_a_plain_instance_has_no_annotation() -> None:
    spec = {"targetNamespaces": ["n"], "reportOptions": {"replicas": 1}}
    assert "annotations" not in convert(new(spec), OLD)["metadata"]
    assert "annotations" not in convert(old({"minimal": False}), NEW)["metadata"]


def test_an_edit_in_v1beta1_keeps_target_namespaces() -> None:
    there = convert(new({"targetNamespaces": ["n", "other"], "enableAudit": True}), OLD)
    there["spec"]["reportOptions"] = {"replicas": 2}
    assert convert(there, NEW)["spec"] == {
        "targetNamespaces": ["n", "other"],
        "enableAudit": True,
        "reportOptions": {"replicas": 2},
    }


def test_certificates_in_config_maps_keep_their_position() -> None:
    certificates = [
        {"configMapName": "a", "certificateKey": "k"},
        {"secretName": "b"},
        {"configMapName": "c"},
    ]
    there = convert(new({"targetNamespaces": ["n"], "trustedCertSecrets": certificates}), OLD)
    assert there["spec"]["trustedCertSecrets"] == [
        {"secretName": "", "certificateKey": "k"},
        {"secretName": "b"},
        {"secretName": ""},
    ]
    there["spec"]["trustedCertSecrets"].insert(0, {"secretName": "new"})
    assert convert(there, NEW)["spec"]["trustedCertSecrets"] == [{"secretName": "new"}, *certificates]
    there["spec"]["trustedCertSecrets"] = [{"secretName": ""}] * 9
    assert convert(there, NEW)["spec"]["trustedCertSecrets"] == [certificates[0], certificates[2]]


def test_the_annotation_cannot_set_a_field_that_v1beta1_has() -> None:
    forged = {"v1beta2": {"spec": {"reportOptions": {"replicas": 9}, "unknown": 1}, "status": {"databaseSecret": "x"}}}
    there = convert(old({"minimal": False}, annotations={ANNOTATION: json.dumps(forged)}), NEW)
    assert there == new({"targetNamespaces": ["n"]})


def test_unknown_versions_are_refused() -> None:
    with pytest.raises(ValueError, match="v1"):
        convert(old({}), "operator.cryostat.io/v1")
    with pytest.raises(ValueError, match="None"):
        convert({}, NEW)


# --- any content of the annotation -----------------------------------------------------------------------------------


def with_text(text: str) -> dict[str, Any]:
    return new({}, annotations={ANNOTATION: text})


@pytest.mark.parametrize(
    "kept",
    [
        "[" * 100_000,
        "[" * 3_000 + "]" * 3_000,
        '{"a":' * 200 + "1" + "}" * 200,
        '"\\ud800"',
        "12345678901234567890123",
        "NaN",
        "5",
        '{"authProperties": 5}',
        '{"maxWsConnections": "many"}',
        '{"serviceOptions": {"grafanaConfig": {"httpPort": "x"}}}',
    ],
    ids=lambda text: text[:20],
)
def test_invalid_annotations_are_ignored(kept: str) -> None:
    """One response contains all objects of a list, so each of them must be serializable and readable for clients."""
    for text in (kept, f'{{"v1beta1": {kept}}}', f'{{"v1beta1": {{"spec": {kept}}}}}'):
        for version in ("v1beta1", "v1beta2"):
            obj = with_text(text.replace("v1beta1", version))
            there = convert(obj, OLD)
            assert orjson.loads(orjson.dumps(there)) == there
            v1beta1.Cryostat.model_validate(there)
            convert({**obj, "apiVersion": OLD}, NEW)


@given(JUNK)
def test_the_response_can_be_serialized_for_any_annotation(junk: Any) -> None:
    obj = with_text(json.dumps({"v1beta1": junk, "v1beta2": junk}))
    v1beta1.Cryostat.model_validate(orjson.loads(orjson.dumps(convert(obj, OLD))))
    orjson.dumps(convert({**obj, "apiVersion": OLD}, NEW))


def test_an_object_that_does_not_fit_into_an_annotation_is_read_only_in_v1beta1() -> None:
    files = [{"configMapName": "a" * 200, "filename": str(number)} for number in range(1500)]
    for obj in (
        new({"automatedRules": files}, labels={"a": "b"}),
        new({"enableAudit": True}, annotations={"a": "ü" * 131_060}, labels={"a": "b"}),
    ):
        there = convert(obj, OLD)
        assert there["metadata"]["labels"] == {"a": "b", ANNOTATION: "too-large"}
        assert there["metadata"].get("annotations", {}) == obj["metadata"].get("annotations", {})
        with pytest.raises(
            ValueError, match=r"^the Cryostat has fields that do not fit into v1beta1; write it in v1beta2$"
        ):
            convert(there, NEW)


def test_fields_of_v1beta1_that_do_not_fit_into_an_annotation_are_dropped() -> None:
    """An older release may have stored the object in v1beta1."""
    obj = old({"minimal": True, "maxWsConnections": 5}, annotations={"a": "x" * 262_130})
    assert convert(obj, NEW)["metadata"]["annotations"] == obj["metadata"]["annotations"]


def test_an_annotation_that_no_api_server_stores_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """3 MB of empty objects would take 100 MB of memory."""
    decoded: list[int] = []
    original = orjson.loads

    def loads(text: str) -> Any:
        decoded.append(len(text))
        return original(text)

    monkeypatch.setattr(orjson, "loads", loads)
    for size, count in ((1_000, 1), (1_000_000, 0)):
        annotations = {ANNOTATION: f'{{"v1beta2":[{"{}," * size}{{}}]}}'}
        obj = {"apiVersion": v1beta1.API_VERSION, "metadata": {"annotations": annotations}, "spec": {}}
        decoded.clear()
        assert convert(obj, constants.API_VERSION)["spec"] == {"targetNamespaces": [""]}
        assert len(decoded) == count


def test_other_objects_are_not_converted() -> None:
    with pytest.raises(ValueError, match=r"^Pod cannot be converted from v1 to operator\.cryostat\.io/v1beta1$"):
        convert({"kind": "Pod", "apiVersion": "v1"}, OLD)
