"""Finds what to do if an image cannot be pulled, by the answer of the registry or of the container runtime.

The kubelet has no structured cause, so texts decide. They are from github.com/containerd/containerd/v2/core/remotes,
github.com/containers/image (CRI-O), the packages net and net/http of Go, and the registries themselves.
"""

from __future__ import annotations

import re

# The first pattern that matches decides: an answer about the connection may contain `not found` or `Forbidden`, too.
_CONNECTION = re.compile(
    r"(?i)no such host|server misbehaving|temporary failure in name resolution|i/o timeout|handshake timeout"
    r"|deadline exceeded|client\.timeout|connection (refused|reset|timed out)|no route to host"
    r"|network is unreachable|proxyconnect"
)
_MISSING_OR_DENIED = re.compile(r"(?i)does not exist or may require")  # a registry that does not say which
_DENIED = re.compile(
    r"(?i)\b40[13] \(?(unauthorized|forbidden)|\bunauthorized\b|(?<!permission )\bdenied\b|authorization failed"
    r"|authentication required|no basic auth credentials"
)
_TOO_MANY = re.compile(r"(?i)toomanyrequests|\b429 too many requests")
_EXPIRED = re.compile(r"x509: certificate has expired or is not yet valid")
_OTHER_NAME = re.compile(r"x509: (certificate is (not )?valid for|cannot validate certificate for) ")
_UNTRUSTED = re.compile(r"x509: |server gave HTTP response to HTTPS client")
_NO_SPACE = re.compile(r"(?i)no space left on device")
_SERVER_ERROR = re.compile(r"(?i)\b5\d\d \(?(internal server error|bad gateway|service unavailable|gateway timeout)")
_UNSIGNED = re.compile(r"(?i)\bsignature\b.* (required|not accepted)")
_PLATFORM = re.compile(r"(?i)no match for platform|no matching manifest for|no image found in .* for architecture")
_INVALID = re.compile(r"(?i)couldn't parse image|invalid reference format")
_MISSING = re.compile(r"(?i)\bnot found\b|manifest unknown|name unknown|no such image")


def remedy_for(cause: str, *, variables: str, account: str, node: str) -> str:
    """Return one sentence that says what to change.

    Args:
        cause: the reason of the container, or what the kubelet quotes.
        variables: the operator's variables for the image; empty for a container that admission added.
        account: name of the ServiceAccount of the pod.
        node: name of the node of the pod.
    """
    source = f" ({variables} of the operator)" if variables else ""
    image = f"{variables} of the operator" if variables else "the image of the container"
    if _CONNECTION.search(cause):
        return f"Check the connection of node {node} to the registry, or set {image} to an image of another registry"
    if _DENIED.search(cause) and not _MISSING_OR_DENIED.search(cause):
        return f"Add a pull secret for this image to ServiceAccount {account}, or correct the one that it has"
    if _TOO_MANY.search(cause):
        return f"Wait, or add a pull secret to ServiceAccount {account}: registries allow more pulls with a login"
    if _EXPIRED.search(cause):
        return f"Renew the certificate of the registry, or correct the clock of node {node}"
    if _OTHER_NAME.search(cause):
        return f"Give the registry a certificate for its name, or set {image} to an image of another registry"
    if _UNTRUSTED.search(cause):
        other = f"set {image} to an image of another registry"
        return f"Let the container runtime of node {node} trust the registry, or {other}"
    if _NO_SPACE.search(cause):
        return f"Free disk space on node {node}"
    if _SERVER_ERROR.search(cause):
        return "Repair the registry; the kubelet tries again by itself"
    if _UNSIGNED.search(cause):
        return f"Set {image} to a signed image, or change the signature policy of node {node}"
    if "pull policy of Never" in cause:
        return f"Load the image on node {node}, or correct the policy of the cluster that sets imagePullPolicy to Never"
    if _PLATFORM.search(cause):
        return f"Set {image} to an image for the platform of node {node}"
    if cause == "InvalidImageName" or _INVALID.search(cause):
        return f"Set {image} to a valid name of an image"
    if _MISSING.search(cause):
        return f"Set {image} to an image that exists"
    return f"Check the image{source}, the registry, and the pull secrets of ServiceAccount {account}"
