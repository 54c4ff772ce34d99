"""A Cryostat in YAML, as kubectl prints it or as users write it."""

from __future__ import annotations

import pytest
import yaml

from cryostat_operator.api.constants import API_VERSION
from cryostat_operator.api.documents import DocumentError, cryostat_in

CRYOSTAT = {"apiVersion": API_VERSION, "kind": "Cryostat", "metadata": {"name": "jfr"}, "spec": {}}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}


def in_list(*items: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


@pytest.mark.parametrize(
    "documents",
    [[CRYOSTAT], [CONFIG_MAP, None, CRYOSTAT], [in_list(CONFIG_MAP, CRYOSTAT)], [in_list(in_list(CRYOSTAT))]],
)
def test_the_only_cryostat_is_found(documents: list[object]) -> None:
    found = cryostat_in(yaml.safe_dump_all(documents), "monitoring")
    assert found == {**CRYOSTAT, "metadata": {"name": "jfr", "namespace": "monitoring"}}


def test_the_namespace_of_the_document_takes_precedence() -> None:
    metadata = {"name": "jfr", "namespace": "own"}
    assert cryostat_in(yaml.safe_dump({**CRYOSTAT, "metadata": metadata}), "other")["metadata"] == metadata


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not valid YAML (line 1, column 5): expected the node content, but found '<stream end>'"),
        ("", "contains 0 objects of kind Cryostat; exactly one is needed"),
        (yaml.safe_dump(CONFIG_MAP), "contains 0 objects of kind Cryostat; exactly one is needed"),
        (yaml.safe_dump_all([CRYOSTAT, CRYOSTAT]), "contains 2 objects of kind Cryostat; exactly one is needed"),
        (
            yaml.safe_dump({**CRYOSTAT, "apiVersion": "operator.cryostat.io/v1beta1"}),
            "contains a Cryostat of apiVersion operator.cryostat.io/v1beta1; write it as operator.cryostat.io/v1beta2",
        ),
        (yaml.safe_dump({**CRYOSTAT, "metadata": {}}), "contains a Cryostat without metadata.name"),
        (yaml.safe_dump({**CRYOSTAT, "metadata": "x"}), "contains a Cryostat without metadata.name"),
    ],
)
def test_other_documents_are_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as error:
        cryostat_in(text, "default")
    assert str(error.value) == message
