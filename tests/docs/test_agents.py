"""docs/agents.md names properties of the agent that the operator itself sets, as environment variables of the JVM."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.plan.injection.agent_variables import instance, variables

PAGE = (Path(__file__).parents[2] / "docs/agents.md").read_text()
HEADER = "| property `cryostat.agent.…` | value |\n|---|---|\n"


def variable(name: str) -> str:
    """The rest of the name of a property as in the variable of it, by the rule of MicroProfile Config."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def test_every_property_is_one_that_the_operator_sets() -> None:
    rows = PAGE.split(HEADER)[1].split("\n\n")[0].splitlines()
    named = {variable(name) for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    by_address = {"agentOptions": {"disableHostnameVerification": True}}
    known = variables(instance(by_address, tls=True)).keys() | variables(instance()).keys()
    assert named == named & known
    assert {each for each in known if each.startswith(("BASEURI", "WEBCLIENT_TLS", "WEBSERVER"))} <= named
