"""The health of a Cryostat in Argo CD and Flux, by Argo CD's Lua interpreter, kstatus, and CEL."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import Draft202012Validator  # type: ignore[import-untyped]

from cryostat_operator.packaging import argocd
from cryostat_operator.plan.readiness import DEPLOYMENTS
from tests.cluster import binaries
from tests.unit.situations import reported, situations

GITOPS = Path(__file__).parents[2] / "manifests/gitops"
FLUX = list(yaml.safe_load_all((GITOPS / "flux.yaml").read_text()))
[EXPRESSIONS] = [each for document in FLUX for each in document["spec"].get("healthCheckExprs", ())]
GENERATION = 2
Obj = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def program() -> Path:
    """The program. It is built before the first test, because the build takes longer than a test may."""
    return binaries.programs("gitops-check")["gitops-check"]


def cryostat(conditions: list[Obj], observed: int = GENERATION) -> Obj:
    return {
        "apiVersion": "operator.cryostat.io/v1beta2",
        "kind": "Cryostat",
        "metadata": {"name": "sample", "namespace": "here", "generation": GENERATION},
        "status": {"observedGeneration": observed, "conditions": conditions},
    }


def ready(status: str, reason: str) -> Obj:
    return cryostat([{"type": "Ready", "status": status, "reason": reason, "message": f"It is {reason}."}])


def assess(program: Path, objects: list[Obj]) -> list[Obj]:
    """The health of objects in each tool, in the order of the objects."""
    [settings] = yaml.safe_load_all((GITOPS / "argocd-cm.yaml").read_text())
    script = settings["data"]["resource.customizations.health.operator.cryostat.io_Cryostat"]
    expressions = {name: EXPRESSIONS[name] for name in ("current", "failed")}
    given = json.dumps({"lua": script, "cel": expressions, "objects": objects})
    result = subprocess.run([program], input=given, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found: list[Obj] = json.loads(result.stdout)
    return found


def test_every_situation_has_the_right_health(program: Path) -> None:
    """Degraded only if a user must act. kstatus does not report Current too early, and it does not report Failed."""
    found = [reported(situation).conditions for situation in situations()]
    for situation, conditions, assessed in zip(
        situations(), found, assess(program, [cryostat(list(each.values())) for each in found]), strict=True
    ):
        condition = conditions["Ready"]
        reason = condition["reason"]
        bare = next((reason.removeprefix(each) for each in DEPLOYMENTS if reason.startswith(each)), reason)
        if condition["status"] == "True":
            expected = "Healthy"
        elif reason in argocd.SUSPENDED:
            expected = "Suspended"
        elif situation.get("event", "").startswith("Warning") and bare != "VolumePending":  # a wait, also a long one
            expected = "Degraded"
        else:
            expected = "Progressing"
        assert assessed["argocd"] == {"status": expected, "message": condition["message"]}, situation["name"]
        assert assessed["kstatus"]["status"] == ("Current" if expected == "Healthy" else "InProgress"), situation[
            "name"
        ]
        assert assessed["cel"]["current"] is (expected in ("Healthy", "Suspended")), situation["name"]
        assert assessed["cel"]["failed"] is (reason == "InvalidSpec"), situation["name"]
        if expected != "Healthy":
            assert condition["message"]


def test_states_without_a_situation(program: Path) -> None:
    available = [{"type": "Ready", "status": "True", "reason": "AllComponentsAvailable", "message": "m"}]
    outdated = cryostat(available, observed=GENERATION - 1)
    empty = {**cryostat([]), "status": {}}
    deleting = cryostat(available)
    deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    blocked = copy.deepcopy(deleting)
    blocked["status"]["conditions"][0] |= {"status": "False", "reason": "DeletionBlocked"}
    hibernated = ready("False", "Hibernated")
    found = assess(program, [outdated, deleting, blocked, hibernated])
    assert [each["argocd"]["status"] for each in found] == ["Progressing", "Progressing", "Degraded", "Suspended"]
    assert [each["kstatus"]["status"] for each in found] == ["InProgress", "Terminating", "Terminating", "InProgress"]
    assert found[3]["cel"] == {"current": True, "failed": False}
    del empty["status"]
    script = argocd.health_assessment()
    result = subprocess.run(
        [program], input=json.dumps({"lua": script, "objects": [empty]}), capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout)[0]["argocd"]["status"] == "Progressing"


def test_the_sample_for_flux_is_valid() -> None:
    [path] = binaries.data(binaries.FLUX)
    [version] = [each for each in yaml.safe_load(path.read_text())["spec"]["versions"] if each["storage"]]
    schema = closed(version["schema"]["openAPIV3Schema"])
    for document in FLUX:
        assert document["apiVersion"].endswith(f"/{version['name']}")
        Draft202012Validator(schema).validate(document)


def closed(schema: Any) -> Any:
    """The schema without unknown fields."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(each) for key, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema and "apiVersion" not in schema["properties"]:
        result["additionalProperties"] = False
    return result
