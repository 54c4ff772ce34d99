"""Generates the file-based catalog: the package, its channel and its bundle, for a CatalogSource of OLM."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import constants, v1beta1
from ..plan.model.kinds import Obj
from ..plan.yaml_text import HEADER, generated_file
from .clusterserviceversion import (
    NAME,
    PACKAGE,
    SUMMARY,
    VERSION,
    clusterserviceversion,
    icon,
    presentation,
    related_images,
)

CHANNEL = "candidate"
BUNDLE_IMAGE = f"quay.io/cryostat/cryostat-operator-bundle:{VERSION}"
_OPM = "quay.io/operator-framework/opm:v1.73.0"
_METADATA = (
    "description",
    "displayName",
    "installModes",
    "keywords",
    "links",
    "maturity",
    "minKubeVersion",
    "provider",
)


def catalog() -> Mapping[str, str]:
    """Return the generated files: path below `bundle/` → content."""
    return {
        f"catalog/{PACKAGE}/catalog.yaml": generated_file([_package(), _channel(), _bundle()]),
        "catalog.Dockerfile": dockerfile(),
    }


def dockerfile() -> str:
    """Return the Dockerfile of the catalog image, which `opm` serves; its build context is `bundle/`."""
    serve = '"serve", "/configs", "--cache-dir=/tmp/cache"'
    lines = [
        f"FROM {_OPM}",
        "",
        'ENTRYPOINT ["/bin/opm"]',
        f"CMD [{serve}]",
        "",
        "COPY catalog /configs",
        f'RUN ["/bin/opm", {serve}, "--cache-only"]',
        "",
        "LABEL operators.operatorframework.io.index.configs.v1=/configs",
        "",
    ]
    return HEADER + "\n".join(lines)


def _package() -> Obj:
    return {
        "schema": "olm.package",
        "name": PACKAGE,
        "defaultChannel": CHANNEL,
        "description": SUMMARY,
        "icon": icon(),
    }


def _channel() -> Obj:
    return {"schema": "olm.channel", "package": PACKAGE, "name": CHANNEL, "entries": [{"name": NAME}]}


def _bundle() -> Obj:
    kinds = [
        {"type": "olm.gvk", "value": {"group": constants.GROUP, "kind": constants.KIND, "version": version}}
        for version in (v1beta1.VERSION, constants.VERSION)
    ]
    return {
        "schema": "olm.bundle",
        "name": NAME,
        "package": PACKAGE,
        "image": BUNDLE_IMAGE,
        "properties": [
            *kinds,
            {"type": "olm.package", "value": {"packageName": PACKAGE, "version": VERSION}},
            {"type": "olm.csv.metadata", "value": _metadata_property()},
        ],
        "relatedImages": [{"name": "", "image": BUNDLE_IMAGE}, *related_images()],
    }


def _metadata_property() -> Obj:
    """The metadata that OLM and the console show before the installation."""
    spec = clusterserviceversion()["spec"]
    return {
        "annotations": presentation(),
        "apiServiceDefinitions": {},
        "crdDescriptions": spec["customresourcedefinitions"],
        "labels": clusterserviceversion()["metadata"]["labels"],
        **{key: spec[key] for key in _METADATA},
    }
