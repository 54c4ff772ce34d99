"""The whole text of every message of the situations in tests/situations.yaml. `messages.yaml` has the texts.

`python -m tests.unit.plan.test_messages` writes the file. Review the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.unit.situations import reported, situations

PATH = Path(__file__).parent / "messages.yaml"
Messages = dict[str, list[str]]
"""Condition, or `events` → messages. A message that several conditions have is listed with the first one."""

SUFFIX = " The application is available."  # `Ready` adds it to messages of other conditions


def messages() -> Messages:
    """The messages of all conditions but those copied from Deployments, and of events whose text is in no condition."""
    results = [reported(situation) for situation in situations()]
    texts: list[tuple[str, str]] = []
    for result in results:
        found = result.conditions.items()
        texts += [(kind, condition["message"]) for kind, condition in found if "Deployment" not in kind]
    texts.sort(key=lambda text: (text[0] == "Ready", *text))
    texts += [("events", event.message) for result in results for event in result.events]
    seen: dict[str, str] = {}
    for kind, text in texts:
        seen.setdefault(text.removesuffix(SUFFIX), kind)
    return {kind: sorted(text for text in seen if seen[text] == kind) for kind in seen.values()}


def test_a_message_has_at_most_three_sentences() -> None:
    for kind, found in messages().items():
        for text in found:
            sentences = re.findall(r"[.!?](?= [A-Z]|$)", text)
            assert len(sentences) <= 3, (kind, text)


def test_every_message_is_as_reviewed() -> None:
    expected: Messages = yaml.safe_load(PATH.read_text())
    assert messages() == expected


if __name__ == "__main__":
    PATH.write_text(yaml.safe_dump(messages(), width=120))
