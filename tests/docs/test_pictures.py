"""The pictures of instances have the conditions and messages of this version. tests/cluster/picture.py renews them."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from cryostat_operator.images import IMAGES as IMAGES_OF
from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model.kinds import KINDS
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.plan.upgrades import versions
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState, cryostat

IMAGES = Path(__file__).parents[2] / "docs/images"
CONDITION = re.compile(r"^ *([A-Z]\w+) +[✓✗…] (?:True|False|Unknown) \(", re.MULTILINE)
AVAILABLE = {"type": "Available", "status": "True", "reason": "x"}
PROGRESSING = {"type": "Progressing", "status": "True", "reason": "x"}


def text_of(picture: str) -> str:
    """The text of a picture, with the name of the instance in unit tests."""
    svg = (IMAGES / picture).read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]*>", "", svg)).replace("\u00a0", " ")
    return text.replace("cryostat-sample", "sample")


def conditions_when_ready() -> dict[str, str]:
    """The messages of the conditions of a ready instance with TLS of the operator's own authority, by type."""
    served = Snapshot(apis=frozenset(KINDS) - {"Certificate", "Issuer"})
    state = ClusterState(cryostat(), settings=Settings(service_tls=True), snapshot=served).settle()
    deployments = [obj for key, obj in state.snapshot.live.items() if key.kind == "Deployment"]
    state.with_live(*({**obj, "status": {"conditions": [AVAILABLE, PROGRESSING]}} for obj in deployments))
    status = status_for(state.instance, state.plan, Report(), "2026-01-02T03:04:05Z")
    return {each["type"]: each.get("message", "") for each in status["conditions"]}


@pytest.mark.parametrize(("picture", "problems"), [("run.svg", []), ("status.svg", ["TargetNamespacesReady"])])
def test_a_picture_has_the_present_conditions(picture: str, problems: list[str]) -> None:
    assert sorted(CONDITION.findall(text_of(picture))) == sorted([*conditions_when_ready(), *problems])


def test_the_status_has_the_present_releases() -> None:
    release = versions(IMAGES_OF["core"][1], IMAGES_OF["database"][1]).title
    assert f"Release: {release}; desired: {release}; data: {release}" in text_of("status.svg")


def test_a_picture_has_the_present_messages() -> None:
    shown = "".join(text_of("status.svg").split())
    for kind in ("AuthenticationEnabled", "TLSSetupComplete"):
        assert "".join(conditions_when_ready()[kind].split()) in shown
