"""What users can set for each container of an instance: its image, in a variable of the operator, and its resources."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...images import IMAGES
from ..model.kinds import Obj
from ..model.messages import enumeration


class _Container(NamedTuple):
    """What users can set for a container: names of its possible images, and the field of its resources."""

    images: tuple[str, ...] = ()
    resources: str = ""


# Name of a container, without the name of the instance that it begins with → what users can set for it.
_CONTAINERS = {
    "": _Container(("core",), "resources.coreResources"),
    "-certificates": _Container(("core",)),
    "-grafana": _Container(("grafana",), "resources.grafanaResources"),
    "-jfr-datasource": _Container(("datasource",), "resources.dataSourceResources"),
    "-auth-proxy": _Container(("oauth2-proxy", "openshift-oauth-proxy"), "resources.authProxyResources"),
    "-agent-proxy": _Container(("agent-proxy",), "resources.agentProxyResources"),
    "-db": _Container(("database",), "resources.databaseResources"),
    "-storage": _Container(("storage",), "resources.objectStorageResources"),
    "-reports": _Container(("reports",), "reportOptions.resources"),
}
STORAGE_URL = "QUARKUS_S3_ENDPOINT_OVERRIDE"  # the variable with the URL of the object storage
_ADDED_CONTAINER = _Container()  # by a webhook or policy of the cluster


def resource_field(app: str, container: str) -> str:
    """Return the field of a Cryostat's spec with the resources of a container; empty for one that admission added.

    Args:
        app: the label `app` of the pod, the name of the Cryostat.
        container: name of the container.
    """
    return _container(app, container).resources


def _container(app: str, container: str) -> _Container:
    suffix = container.removeprefix(app)
    return _CONTAINERS.get(suffix, _ADDED_CONTAINER) if container.startswith(app) else _ADDED_CONTAINER


def image_variables(pod: Obj, container: str) -> str:
    """Return the operator's variables for the image of a container; empty for one that admission added."""
    app = pod["metadata"]["labels"].get("app", "")
    return enumeration([IMAGES[image][0] for image in _container(app, container).images], "or")


def external_storage(pod: Obj, container: Obj) -> str:
    """Return the end of a sentence about a container that uses an external S3 service; empty for any other one.

    Args:
        container: its part of the pod's spec.
    """
    found = (each.get("value") for each in container.get("env") or () if each["name"] == STORAGE_URL)
    url = next((each for each in found if each), "")
    own = re.compile(rf"https?://{re.escape(pod['metadata']['labels'].get('app', ''))}-storage[.:]")
    if not url or own.match(url):
        return ""
    place = url.rpartition("@")[2].removeprefix("https://").removeprefix("http://")
    checks = "check spec.objectStorageOptions, the keys in its Secret and the network"
    return f"; if it cannot use the object storage {place}, {checks}"
