"""Says in one or two sentences why a command did not get an answer from the cluster, and what to do."""

from __future__ import annotations

import os

import aiohttp

from ..api import constants
from ..kube.errors import ApiError
from ..printable import one_line

_NETWORK = "Check the cluster of the kubeconfig's context, and the network"
_PROXY = "Check proxy-url of the cluster in the kubeconfig, or the variable HTTPS_PROXY"
_EXPIRED = (9, 10)  # codes of OpenSSL: not yet valid, and no longer valid
_OTHER_NAME = (62, 64)  # the certificate has neither the host name nor the IP address


def is_lasting(error: Exception) -> bool:
    """Return whether a request fails until the user changes the kubeconfig."""
    if not isinstance(error, ApiError):
        return True
    lasting = (aiohttp.ClientConnectorCertificateError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
    return error.status == 401 or isinstance(_cause(error), lasting)


def explanation(error: Exception, server: str, *, has_context_option: bool = True) -> str:
    """Return the text for a user.

    Args:
        error: raised by `Client` or by the login.
        server: URL of the API server; empty if it is not known.
        has_context_option: whether the command has the option `--context`.
    """
    if not isinstance(error, ApiError):
        return str(error)
    place = f"The API server {server}".rstrip()
    if error.status == 401:
        other = " with --context" if has_context_option else " in the kubeconfig"
        return f"{place} does not accept your credentials. Log in again, or choose another context{other}."
    if error.status == 404 and not error.resource:
        return (
            f"{place} does not serve {constants.API_VERSION}: the operator is not installed in this cluster. "
            "Install it, or choose another cluster with --context."
        )
    if error.is_not_found(constants.PLURAL):
        return (
            f"There is no Cryostat {error.name} in this namespace. `kubectl get cryostats --all-namespaces` lists them."
        )
    if error.status == 403 and error.resource == constants.PLURAL:
        message = error.message.rstrip(".")
        return f"{message}. Ask an administrator for this permission, or choose another namespace with -n."
    cause = _cause(error)
    if error.status == 0 and isinstance(cause, aiohttp.ClientError | OSError):
        return f"{place} cannot be reached: {_connection_failure(cause)}."
    if error.status >= 400 and _is_no_status(error):
        text = "" if _is_page(error) else f" ({one_line(error.message).strip().rstrip('.')})"
        return f"{place} responds with HTTP status {error.status}{text}. {_NETWORK}."
    return error.message


def _is_no_status(error: ApiError) -> bool:
    """Whether a response is not a Status of an API server: for example, it is the page of a load balancer."""
    return error.reason == str(error.status) and (error.status != 403 or _is_page(error))


def _is_page(error: ApiError) -> bool:
    return error.message.lstrip().startswith("<") or error.message == f"HTTP {error.status}"


def _cause(error: ApiError) -> BaseException | None:
    """Return the exception of the connection that led to an error, if there was one."""
    return error.__cause__ or error.__context__


def _connection_failure(error: aiohttp.ClientError | OSError) -> str:
    """The cause of a connection that failed, and what to do."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate_failure(error.certificate_error)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return "its address is not a URL. Correct the server of the cluster in the kubeconfig"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} cannot be resolved. {_NETWORK}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        reason = _reason(error.os_error)
        return f"the HTTP proxy {error.host}:{error.port} does not accept connections ({reason}). {_PROXY}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the HTTP proxy responds with status {error.status}. {_PROXY}"
    if isinstance(error, TimeoutError):
        return f"it does not answer in time. {_NETWORK}"
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.strerror:
        return f"{_reason(error.os_error)}. {_NETWORK}"
    if isinstance(error, OSError) and error.strerror:
        return f"{_reason(error)}. {_NETWORK}"
    return f"{type(error).__name__}. {_NETWORK}"


def _certificate_failure(error: Exception) -> str:
    """Why the certificate of the API server is not accepted, and what to do."""
    message = str(getattr(error, "verify_message", type(error).__name__)).rstrip(".")
    code = getattr(error, "verify_code", 0)
    if code in _OTHER_NAME:
        return (
            f"its certificate is for another name ({message}). "
            "Correct server or tls-server-name of the cluster in the kubeconfig"
        )
    if code in _EXPIRED:
        return (
            f"its certificate is not valid now ({message}). Check the clock of this machine, or renew the certificate"
        )
    return f"its certificate is not trusted ({message}). Correct certificate-authority in the kubeconfig"


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if error.errno and str(error.strerror).startswith("Connect call failed"):  # asyncio adds the address
        return os.strerror(error.errno).lower()
    return str(error.strerror or error).lower()
