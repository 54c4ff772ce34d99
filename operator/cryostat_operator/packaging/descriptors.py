"""What the OpenShift console's form and details page say of each field of a `Cryostat`."""

from __future__ import annotations

from typing import Any

_TARGET_NAMESPACES = {
    "path": "targetNamespaces",
    "displayName": "Target namespaces",
    "description": "Namespaces in which this instance finds applications; its own one if there are none.",
}


def spec_descriptors(version: str) -> list[dict[str, Any]]:
    """The `specDescriptors` of a ClusterServiceVersion for this version of the API, in the order of the form."""
    return [dict(_TARGET_NAMESPACES)]


def status_descriptors(version: str) -> list[dict[str, Any]]:
    """The `statusDescriptors` of a ClusterServiceVersion for this version of the API."""
    return [dict(_TARGET_NAMESPACES)]
