"""The images of the components, and the releases that they belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The releases that this operator deploys. They belong together: see the matrix in docs/upgrade.md before changing one.
CRYOSTAT_VERSION = "4.2.0"
AGENT_VERSION = "0.7.0"

# Image name: (environment variable of the operator, default reference). Images are named nowhere else.
IMAGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "oauth2-proxy": ("RELATED_IMAGE_OAUTH2_PROXY", "quay.io/oauth2-proxy/oauth2-proxy:v7.15.3"),
        "openshift-oauth-proxy": (
            "RELATED_IMAGE_OPENSHIFT_OAUTH_PROXY",
            "quay.io/openshift/origin-oauth-proxy:4.21",
        ),
        "core": ("RELATED_IMAGE_CORE", f"quay.io/cryostat/cryostat:{CRYOSTAT_VERSION}"),
        "datasource": ("RELATED_IMAGE_DATASOURCE", f"quay.io/cryostat/jfr-datasource:{CRYOSTAT_VERSION}"),
        "grafana": ("RELATED_IMAGE_GRAFANA", f"quay.io/cryostat/cryostat-grafana-dashboard:{CRYOSTAT_VERSION}"),
        "reports": ("RELATED_IMAGE_REPORTS", f"quay.io/cryostat/cryostat-reports:{CRYOSTAT_VERSION}"),
        "storage": ("RELATED_IMAGE_STORAGE", f"quay.io/cryostat/cryostat-storage:{CRYOSTAT_VERSION}"),
        "database": ("RELATED_IMAGE_DATABASE", f"quay.io/cryostat/cryostat-db:{CRYOSTAT_VERSION}"),
        # The vendor publishes no tag that stays the same; docs/release.md explains how to renew the digest.
        "agent-proxy": (
            "RELATED_IMAGE_AGENT_PROXY",
            "registry.access.redhat.com/ubi9/nginx-124"
            "@sha256:7acbb277f6922c47e55b5f65c39d7352e58de3dc6ecc2a7259011c88bf4d2249",
        ),
        "agent-init": ("RELATED_IMAGE_AGENT_INIT", f"quay.io/cryostat/cryostat-agent-init:{AGENT_VERSION}"),
    }
)

# Environment variable with the image of the operator itself.
OPERATOR_IMAGE = "RELATED_IMAGE_OPERATOR"

_DEVELOPMENT_TAG = re.compile(r":(latest|dev|[^/:@]*(SNAPSHOT|[-.]dev|BETA\d+))$", re.IGNORECASE)


@dataclass(frozen=True)
class Image:
    """A reference to a container image, with its pull policy."""

    reference: str

    @property
    def pull_policy(self) -> str:
        """`Always` if the reference has a development tag or no tag at all, `IfNotPresent` otherwise."""
        name = self.reference.rsplit("/", 1)[-1]
        is_moving = _DEVELOPMENT_TAG.search(self.reference) or ("@" not in name and ":" not in name)
        return "Always" if is_moving else "IfNotPresent"


def images_from(environ: Mapping[str, str]) -> Mapping[str, Image]:
    """Return the image of each component: that of its environment variable, else the default."""
    return MappingProxyType({name: Image(environ.get(var) or default) for name, (var, default) in IMAGES.items()})
