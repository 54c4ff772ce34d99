"""Where the API server is and how to log in: in-cluster ServiceAccount or kubeconfig, read by the official client."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from kubernetes.aio import config
from kubernetes.aio.client import Configuration


@dataclass
class Connection:
    """An endpoint with credentials; `authorization` follows rotated tokens."""

    configuration: Configuration

    @property
    def server(self) -> str:
        return str(self.configuration.host).rstrip("/")

    @property
    def ca_path(self) -> str | None:
        path = self.configuration.ssl_ca_cert
        return str(path) if path else None

    @property
    def insecure(self) -> bool:
        return not self.configuration.verify_ssl

    @property
    def client_certificate(self) -> tuple[str, str] | None:
        """Paths of certificate and key, or None."""
        if not self.configuration.cert_file:
            return None
        return str(self.configuration.cert_file), str(self.configuration.key_file)

    async def authorization(self) -> str | None:
        """Value of the Authorization header; token files are read again by the client's own hook once a minute."""
        token = await self.configuration.get_api_key_with_prefix("BearerToken")
        if not token:
            return None
        text = str(token)
        scheme, _, rest = text.partition(" ")
        return f"Bearer {rest}" if scheme.lower() == "bearer" else f"Bearer {text}"

    def ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_path)
        if self.client_certificate:
            context.load_cert_chain(*self.client_certificate)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


async def connect() -> Connection:
    """The cluster of this pod, else of KUBECONFIG or `~/.kube/config`.

    Raises:
        kubernetes.aio.config.ConfigException: there is neither.
    """
    configuration = Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    return Connection(configuration)
