"""The OLM bundle: what an image of it holds, how the image is built, and the tests that run against it in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ..plan.yaml_text import HEADER, document
from .catalog import CHANNEL, catalog
from .clusterserviceversion import (
    PACKAGE,
    WEBHOOK_SERVICE,
    bound_roles,
    clusterserviceversion,
    installed_objects,
)
from .crds import PATH as CRD_PATH
from .crds import crd
from .webhook_manifests import ROLE as REGISTRATION
from .webhook_manifests import SERVICE as REGISTERED_SERVICE

Obj = dict[str, Any]

ROOT = PurePosixPath("bundle")
OPENSHIFT = "v4.12"  # and later

# Of the installation, OLM makes ServiceAccount, Deployment, the operator's roles and the webhooks itself, from the
# ClusterServiceVersion. What is of kinds that not every cluster or every OLM since `OPENSHIFT` has is left to
# `manifests/`: with one such object the bundle could not be installed there at all.
_KINDS = ("ClusterRole", "ClusterRoleBinding", "PodDisruptionBudget", "Service")
_OPERATOR_SDK = "v1.42.3"
_SCORECARD = f"quay.io/operator-framework/scorecard-test:{_OPERATOR_SDK}"
_SCORECARD_TESTS = (
    ("basic", "basic-check-spec"),
    ("olm", "olm-bundle-validation"),
    ("olm", "olm-crds-have-validation"),
    ("olm", "olm-crds-have-resources"),
    ("olm", "olm-spec-descriptors"),
    ("olm", "olm-status-descriptors"),
)
_BUNDLE = "operators.operatorframework.io"


def files_of_bundle() -> Mapping[PurePosixPath, str]:
    """Path below the repository → content."""
    manifests = {
        f"{PACKAGE}.clusterserviceversion.yaml": clusterserviceversion(),
        CRD_PATH.name: definition(),
        **{f"{obj['metadata']['name']}.{obj['kind'].lower()}.yaml": obj for obj in extras()},
    }
    texts = {
        **{f"manifests/{name}": document([obj]) for name, obj in manifests.items()},
        "metadata/annotations.yaml": document([{"annotations": image_labels()}]),
        "tests/scorecard/config.yaml": document([scorecard()]),
        "bundle.Dockerfile": dockerfile(),
        **catalog(),
    }
    return {ROOT / path: text for path, text in texts.items()}


def definition() -> Obj:
    """The definition of Cryostats, which OLM tells where the conversion is and whom to trust.

    Until it has done so, which may be while it replaces another version, v1beta1 must not be served without conversion:
    so it is asked for here, too, of the Service that OLM will make.
    """
    found = crd()
    found["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["name"] = WEBHOOK_SERVICE
    return found


def extras() -> list[Obj]:
    """What belongs to the operator beside the ClusterServiceVersion; OLM puts it into the namespace of its choice."""
    own = {role["metadata"]["name"] for role in bound_roles("ClusterRole")} | {REGISTRATION, REGISTERED_SERVICE}
    found = [obj for obj in installed_objects() if obj["kind"] in _KINDS]
    return [
        {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "namespace"}}
        for obj in found
        if not own & {obj["metadata"]["name"], obj.get("roleRef", {}).get("name")}
    ]


def image_labels() -> dict[str, str]:
    """What OLM and registries read, in the metadata and as labels of the image."""
    return {
        f"{_BUNDLE}.bundle.mediatype.v1": "registry+v1",
        f"{_BUNDLE}.bundle.manifests.v1": "manifests/",
        f"{_BUNDLE}.bundle.metadata.v1": "metadata/",
        f"{_BUNDLE}.bundle.package.v1": PACKAGE,
        f"{_BUNDLE}.bundle.channels.v1": CHANNEL,
        f"{_BUNDLE}.bundle.channel.default.v1": CHANNEL,
        f"{_BUNDLE}.test.mediatype.v1": "scorecard+v1",
        f"{_BUNDLE}.test.config.v1": "tests/scorecard/",
        "com.redhat.openshift.versions": OPENSHIFT,
    }


def dockerfile() -> str:
    """How the image of the bundle is built, in `bundle/`."""
    labels = [f"LABEL {key}={value}" for key, value in image_labels().items()]
    copies = [f"COPY {what} /{what}/" for what in ("manifests", "metadata", "tests/scorecard")]
    return HEADER + "\n".join(["FROM scratch", "", *labels, "", *copies, ""])


def scorecard() -> Obj:
    """The tests that `operator-sdk scorecard` runs against the bundle in a cluster."""
    return {
        "apiVersion": "scorecard.operatorframework.io/v1alpha3",
        "kind": "Configuration",
        "metadata": {"name": "config"},
        "stages": [
            {
                "parallel": True,
                "tests": [
                    {
                        "entrypoint": ["scorecard-test", test],
                        "image": _SCORECARD,
                        "labels": {"suite": suite, "test": f"{test}-test"},
                        "storage": {"spec": {"mountPath": {}}},
                    }
                    for suite, test in _SCORECARD_TESTS
                ],
            }
        ],
        "storage": {"spec": {"mountPath": {}}},
    }
