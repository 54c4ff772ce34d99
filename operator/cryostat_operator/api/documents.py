"""Finds the Cryostat in a YAML or JSON text: a manifest, or the output of kubectl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from . import constants

_MAX_LIST_LEVELS = 3  # kubectl prints one List, people may wrap it once more


class DocumentError(ValueError):
    """The text does not contain exactly one Cryostat; the message completes the sentence "FILE …"."""


def yaml_documents(text: str) -> list[Any]:
    """Return all documents of a YAML text, without empty ones.

    Raises:
        DocumentError: the text is not YAML. The message has the position and no part of the text.
    """
    try:
        return [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise DocumentError(
            f"is not valid YAML{position}: {getattr(error, 'problem', None) or 'cannot be parsed'}"
        ) from None


def cryostat_in(text: str, namespace: str) -> dict[str, Any]:
    """Return the only Cryostat among the documents, also inside of a `List`, with a namespace.

    Args:
        text: YAML or JSON, one or more documents.
        namespace: for a Cryostat without `metadata.namespace`.

    Raises:
        DocumentError: the text is not YAML, contains no Cryostat or several ones, or the Cryostat has another API
            version or no name.
    """
    found = [
        obj for document in yaml_documents(text) for obj in _objects(document) if obj.get("kind") == constants.KIND
    ]
    if len(found) != 1:
        raise DocumentError(f"contains {len(found)} objects of kind {constants.KIND}; exactly one is needed")
    cryostat = found[0]
    if cryostat.get("apiVersion") != constants.API_VERSION:
        raise DocumentError(
            f"contains a Cryostat of apiVersion {cryostat.get('apiVersion')}; write it as {constants.API_VERSION}"
        )
    metadata = cryostat.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise DocumentError("contains a Cryostat without metadata.name")
    return {**cryostat, "metadata": {"namespace": namespace, **metadata}}


def _objects(document: Any, levels: int = _MAX_LIST_LEVELS) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list) and levels:
        for item in items:
            yield from _objects(item, levels - 1)
    else:
        yield document
