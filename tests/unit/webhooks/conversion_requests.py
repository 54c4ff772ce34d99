"""ConversionReviews of Cryostats."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants

OLD = f"{constants.GROUP}/v1beta1"


def cryostat(number: int = 0, size: int = 0) -> dict[str, Any]:
    metadata = {"name": f"x{number}", "namespace": "here", "annotations": {"notes": "é" + "x" * size}}
    return {"apiVersion": OLD, "kind": constants.KIND, "metadata": metadata, "spec": {"minimal": False}}


def review(objects: Any, version: str = constants.API_VERSION, **more: Any) -> dict[str, Any]:
    request = {"uid": "1", "desiredAPIVersion": version, "objects": objects, **more}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}
