"""Objects as YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

import cryostat_operator
from cryostat_operator.plan.yaml_text import HEADER, documents, generated_file

OBJECT: dict[str, Any] = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "one\ntwo\n"}, "list": [{"b": 1}]}


def test_generated_files_have_a_header_and_indented_lists() -> None:
    assert generated_file([OBJECT]) == (
        f"{HEADER}kind: ConfigMap\napiVersion: v1\ndata:\n  a: |\n    one\n    two\nlist:\n  - b: 1\n"
    )


def test_streams_of_documents() -> None:
    shared = {"x": 1}
    found = documents([OBJECT, {"a": shared, "b": shared}])
    assert "&id" not in found
    assert "\nlist:\n- b: 1\n---\n" in found
    assert list(yaml.safe_load_all(found)) == [OBJECT, {"a": shared, "b": shared}]


def test_a_stream_of_documents_is_not_a_generated_file() -> None:
    """Users edit it, and `cryostat-operator generate` does not write it."""
    assert documents([{"b": "ü", "a": 1}]) == "b: ü\na: 1\n"
    assert documents([{"b": "ü", "a": 1}], sort_keys=True) == "a: 1\nb: ü\n"


def test_all_yaml_is_written_in_one_module() -> None:
    package = Path(cryostat_operator.__file__).parent
    writers = [path for path in package.rglob("*.py") if re.search(r"\byaml\.(safe_)?dump", path.read_text())]
    assert [str(path.relative_to(package)) for path in writers] == ["plan/yaml_text.py"]
