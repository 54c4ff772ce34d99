"""What to do about an image that cannot be pulled, by answers of registries and container runtimes."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.image_remedies import remedy_for

PULL_SECRET = "Add a pull secret for this image to ServiceAccount x, or correct the one that it has"
CONNECTION = (
    "Check the connection of node n to the registry, or set RELATED_IMAGE_CORE of the operator to an image of another "
    "registry"
)
VALID = "Set RELATED_IMAGE_CORE of the operator to a valid name of an image"
EXISTS = "Set RELATED_IMAGE_CORE of the operator to an image that exists"
PLATFORM = "Set RELATED_IMAGE_CORE of the operator to an image for the platform of node n"
TRUST = (
    "Let the container runtime of node n trust the registry, or set RELATED_IMAGE_CORE of the operator to an image of "
    "another registry"
)
RENEW = "Renew the certificate of the registry, or correct the clock of node n"
RENAME = (
    "Give the registry a certificate for its name, or set RELATED_IMAGE_CORE of the operator to an image of another "
    "registry"
)
WAIT = "Wait, or add a pull secret to ServiceAccount x: registries allow more pulls with a login"
SIGNED = "Set RELATED_IMAGE_CORE of the operator to a signed image, or change the signature policy of node n"
LOAD = "Load the image on node n, or correct the policy of the cluster that sets imagePullPolicy to Never"
GENERAL = "Check the image (RELATED_IMAGE_CORE of the operator), the registry, and the pull secrets of ServiceAccount x"


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("unexpected status from HEAD request to https://r.example.com/v2/a: 401 Unauthorized", PULL_SECRET),
        ("failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden", PULL_SECRET),
        ("Requesting bearer token: invalid status code from registry 403 (Forbidden)", PULL_SECRET),
        ("reading manifest 1 in r/a: unauthorized: access to the requested resource is not authorized", PULL_SECRET),
        ("denied: requested access to the resource is denied", PULL_SECRET),
        ("pull access denied, repository does not exist or may require authorization", GENERAL),
        ("failed to register layer: open /x: permission denied", GENERAL),
        ("failed to do request: Head https://r/v2/a: dial tcp: lookup r: no such host", CONNECTION),
        ("dial tcp 10.0.0.1:443: i/o timeout", CONNECTION),
        ("dial tcp 10.0.0.1:443: connect: connection refused", CONNECTION),
        ("net/http: TLS handshake timeout", CONNECTION),
        ("proxyconnect tcp: 403 Forbidden", CONNECTION),
        ('Failed to apply default image tag "r//a:": couldn\'t parse image name', VALID),
        ("InvalidImageName", VALID),
        ("r.example.com/a:1: not found", EXISTS),
        ("reading manifest 1 in r/a: manifest unknown", EXISTS),
        ("no match for platform in manifest sha256:1: not found", PLATFORM),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", TRUST),
        ("http: server gave HTTP response to HTTPS client", TRUST),
        ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time", RENEW),
        ("x509: certificate is valid for a.example.com, not r.example.com", RENAME),
        ("x509: cannot validate certificate for 192.0.2.1 because it doesn't contain any IP SANs", RENAME),
        ("toomanyrequests: rate limit", WAIT),
        ("unexpected status: 429 Too Many Requests", WAIT),
        ("failed to extract layer: write /x: no space left on device", "Free disk space on node n"),
        ("unexpected status: 503 Service Unavailable", "Repair the registry; the kubelet tries again by itself"),
        ("Source image rejected: A signature was required, but no signature exists", SIGNED),
        ('Container image "r/a:1" is not present with pull policy of Never', LOAD),
        ("", GENERAL),
    ],
)
def test_the_answer_of_the_registry_decides(cause: str, remedy: str) -> None:
    assert remedy_for(cause, variables="RELATED_IMAGE_CORE", account="x", node="n") == remedy


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("a:1: not found", "Set the image of the container to an image that exists"),
        ("", "Check the image, the registry, and the pull secrets of ServiceAccount x"),
    ],
)
def test_the_image_of_a_container_that_an_admission_added(cause: str, remedy: str) -> None:
    assert remedy_for(cause, variables="", account="x", node="n") == remedy
