"""Generates the OLM bundle: its manifests, metadata, Dockerfile and scorecard configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from ..plan.model.kinds import Obj
from ..plan.yaml_text import HEADER, generated_file
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

ROOT = PurePosixPath("bundle")
OPENSHIFT = "v4.12"  # and later

# Kinds of additional objects in the bundle. OLM creates ServiceAccount, Deployment, roles and webhooks from the
# ClusterServiceVersion. Kinds that some clusters or some OLM releases since `OPENSHIFT` do not support are excluded,
# because one such object prevents the installation of the whole bundle.
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
    """Return the generated files: path below the repository → content."""
    manifests = {
        f"{PACKAGE}.clusterserviceversion.yaml": clusterserviceversion(),
        CRD_PATH.name: definition(),
        **{f"{obj['metadata']['name']}.{obj['kind'].lower()}.yaml": obj for obj in additional_objects()},
    }
    texts = {
        **{f"manifests/{name}": generated_file([obj]) for name, obj in manifests.items()},
        "metadata/annotations.yaml": generated_file([{"annotations": image_labels()}]),
        "tests/scorecard/config.yaml": generated_file([scorecard()]),
        "bundle.Dockerfile": dockerfile(),
        **catalog(),
    }
    return {ROOT / path: text for path, text in texts.items()}


def definition() -> Obj:
    """Return the CRD of the bundle, whose conversion webhook names the Service that OLM creates.

    OLM sets the CA later. Without a conversion webhook, v1beta1 would be served unconverted until then, for example
    during an upgrade.
    """
    found = crd()
    found["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["name"] = WEBHOOK_SERVICE
    return found


def additional_objects() -> list[Obj]:
    """Return the objects beside the ClusterServiceVersion, without a namespace: OLM sets it."""
    own = {role["metadata"]["name"] for role in bound_roles("ClusterRole")} | {REGISTRATION, REGISTERED_SERVICE}
    found = [obj for obj in installed_objects() if obj["kind"] in _KINDS]
    return [
        {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "namespace"}}
        for obj in found
        if not own & {obj["metadata"]["name"], obj.get("roleRef", {}).get("name")}
    ]


def image_labels() -> dict[str, str]:
    """Return the bundle annotations, which are also labels of the bundle image."""
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
    """Return the Dockerfile of the bundle image; its build context is `bundle/`."""
    labels = [f"LABEL {key}={value}" for key, value in image_labels().items()]
    copies = [f"COPY {what} /{what}/" for what in ("manifests", "metadata", "tests/scorecard")]
    return HEADER + "\n".join(["FROM scratch", "", *labels, "", *copies, ""])


def scorecard() -> Obj:
    """Return the configuration of `operator-sdk scorecard`."""
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
