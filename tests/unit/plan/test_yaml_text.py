"""Objects as YAML."""

from __future__ import annotations

from typing import Any

import yaml

from cryostat_operator.plan.yaml_text import HEADER, document, documents

OBJECT: dict[str, Any] = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "one\ntwo\n"}, "list": [{"b": 1}]}


def test_generated_files_have_a_header_and_indented_lists() -> None:
    assert document([OBJECT]) == (
        f"{HEADER}kind: ConfigMap\napiVersion: v1\ndata:\n  a: |\n    one\n    two\nlist:\n  - b: 1\n"
    )


def test_streams_of_documents() -> None:
    shared = {"x": 1}
    found = documents([OBJECT, {"a": shared, "b": shared}], width=80)
    assert "&id" not in found
    assert "\nlist:\n- b: 1\n---\n" in found
    assert list(yaml.safe_load_all(found)) == [OBJECT, {"a": shared, "b": shared}]
