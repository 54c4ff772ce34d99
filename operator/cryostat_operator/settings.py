"""Settings of the operator process, from environment variables."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .images import OPERATOR_IMAGE, Image, images_from

# Environment variable of the bundle: whether the Operator Lifecycle Manager (OLM) installed the operator.
INSTALLED_BY_OLM = "INSTALLED_BY_OLM"

# Directory in which OLM mounts the certificate that it issues.
WEBHOOK_CERTIFICATES = "/tmp/k8s-webhook-server/serving-certs"  # noqa: S108 - OLM defines it

_NAME_PREFIX = "cryostat-operator-"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class SettingsError(ValueError):
    """An environment variable has a value that the operator does not know. The message names both."""


@dataclass(frozen=True)
class Settings:
    """Settings of the whole operator, read from environment variables by `from_env`.

    Attributes:
        images: image references by the names of `IMAGES`.
        service_tls: whether instances without the field `enableCertManager` encrypt traffic between components.
        cluster_domain: DNS suffix of Services, without leading dot.
        force_openshift: treat the cluster as OpenShift even if it serves no Routes.
        proxy_secrets: whether the proxies of an instance prove to the application, with a Secret, that a request came
            through them. Only some images of the application check this.
        insights_proxy: URL that the application sends Insights reports through (OpenShift), or None.
        namespace: namespace of the operator itself, or None outside a cluster.
        watch_namespaces: the only namespaces whose objects are read and written; empty for all.
        name_prefix: prefix of the names of the objects that are installed with the operator, such as ClusterRoles.
        leader_election: whether replicas elect a leader, which alone writes.
        webhooks: whether admission and conversion are served.
        webhook_url: URL by which the API server calls the webhooks of an operator outside the cluster; None: by the
            Service.
        webhook_certificates: directory in which a serving certificate (`tls.crt`, `tls.key`) may be mounted.
        webhook_client_certificate_required: whether admission reviews of callers are refused that present no client
            certificate of the API server.
        olm: whether the Operator Lifecycle Manager installed the operator. It then issues the certificate of the
            webhooks and registers them.
        operator_image: image of the operator itself, for scheduled backups; None if it is not known.
        api_server_service: IP address and port of the Service of the API server; None outside a cluster.
    """

    images: Mapping[str, Image] = field(default_factory=lambda: images_from({}))
    service_tls: bool = True
    cluster_domain: str = "cluster.local"
    force_openshift: bool = False
    proxy_secrets: bool = False
    insights_proxy: str | None = None
    namespace: str | None = None
    watch_namespaces: tuple[str, ...] = ()
    name_prefix: str = _NAME_PREFIX
    leader_election: bool = False
    webhooks: bool = False
    webhook_url: str | None = None
    webhook_certificates: str = WEBHOOK_CERTIFICATES
    webhook_client_certificate_required: bool = False
    olm: bool = False
    operator_image: Image | None = None
    api_server_service: tuple[str, int] | None = None

    def watches(self, namespace: str) -> bool:
        """Return whether instances may be, or have targets, in a namespace."""
        return not self.watch_namespaces or namespace in self.watch_namespaces

    @property
    def webhook_service(self) -> str:
        """Service in the operator's namespace through which the API server calls the webhooks."""
        return f"{self.name_prefix}webhook-service"

    @property
    def webhook_secret(self) -> str:
        """Secret in the operator's namespace with the certificate that the operator generates for the webhooks."""
        return f"{self.name_prefix}webhook-certificate"

    @property
    def cluster_role(self) -> str:
        """ClusterRole for the reviews of the authentication proxy, bound cluster-wide per instance."""
        return f"{self.name_prefix}cryostat"

    @property
    def namespaced_cluster_role(self) -> str:
        """ClusterRole for discovery, bound per target namespace."""
        return f"{self.name_prefix}cryostat-namespaced"

    @property
    def backup_cluster_role(self) -> str:
        """ClusterRole for scheduled backups, bound in the install namespace of an instance that asks for them."""
        return f"{self.name_prefix}backup"

    @property
    def chosen_namespace_cluster_role(self) -> str:
        """ClusterRole of the operator in a namespace, bound in each one if it serves chosen namespaces."""
        return f"{self.name_prefix}chosen-namespace"

    @classmethod
    def from_env(cls, environ: Mapping[str, str], resolver: str = "") -> Settings:
        """Return the settings in environment variables; an unset or empty variable means the default.

        Args:
            environ: the variables.
            resolver: content of `/etc/resolv.conf`. In a pod, it contains the DNS suffix of Services.

        Raises:
            SettingsError: the value of a variable is not known.
        """
        insights = _flag(environ, "INSIGHTS_ENABLED") and environ.get("INSIGHTS_URL")
        return cls(
            images=images_from(environ),
            service_tls=not _flag(environ, "DISABLE_SERVICE_TLS"),
            cluster_domain=environ.get("CLUSTER_DOMAIN") or _cluster_domain(resolver, environ) or "cluster.local",
            force_openshift=_flag(environ, "FORCE_OPENSHIFT"),
            proxy_secrets=_flag(environ, "PROXY_SECRETS"),
            insights_proxy=insights or None,
            namespace=environ.get("OPERATOR_NAMESPACE") or None,
            watch_namespaces=_watch_namespaces(environ),
            name_prefix=environ.get("OPERATOR_NAME_PREFIX") or _NAME_PREFIX,
            leader_election=_leader_election(environ),
            webhooks=_webhooks(environ),
            webhook_url=environ.get("WEBHOOK_URL") or None,
            webhook_certificates=environ.get("WEBHOOK_CERT_DIR") or WEBHOOK_CERTIFICATES,
            webhook_client_certificate_required=_client_certificate_required(environ),
            # OLM v0 sets the second variable for every operator that it installs; OLM v1 sets none.
            olm=_flag(environ, INSTALLED_BY_OLM) or bool(environ.get("OPERATOR_CONDITION_NAME")),
            operator_image=Image(own) if (own := environ.get(OPERATOR_IMAGE)) else None,
            api_server_service=_api_server_service(environ),
        )


def _cluster_domain(resolver: str, environ: Mapping[str, str]) -> str:
    """Return the DNS suffix that the kubelet wrote for this pod; empty if there is none, for example in no pod.

    The kubelet lets pods search in `NAMESPACE.svc.SUFFIX`, `svc.SUFFIX` and `SUFFIX`. All three must be there, so that
    a suffix of the node is not taken for one of them.
    """
    lines = [line.split() for line in resolver.splitlines()]
    searched = next((words[1:] for words in reversed(lines) if words[:1] == ["search"]), [])
    prefix = f"{environ.get('OPERATOR_NAMESPACE', '')}.svc."
    suffixes = (name.removeprefix(prefix) for name in searched if name.startswith(prefix))
    return next((suffix.rstrip(".") for suffix in suffixes if {f"svc.{suffix}", suffix} <= set(searched)), "")


def _leader_election(environ: Mapping[str, str]) -> bool:
    """On unless switched off; there must be a namespace for the Lease."""
    return bool(environ.get("OPERATOR_NAMESPACE")) and environ.get("LEADER_ELECTION", "").lower() != "false"


def _webhooks(environ: Mapping[str, str]) -> bool:
    """On unless switched off; outside a cluster the API server can call them only if a URL is set."""
    enabled = environ.get("ENABLE_WEBHOOKS", "").lower()
    reachable = bool(environ.get("KUBERNETES_SERVICE_HOST") or environ.get("WEBHOOK_URL"))
    return enabled == "true" if enabled in ("true", "false") else reachable


def _client_certificate_required(environ: Mapping[str, str]) -> bool:
    """Off unless requested. A misspelled value must not count as off: callers without a certificate would be answered.

    Raises:
        SettingsError: the value is not known.
    """
    value = environ.get("WEBHOOK_CLIENT_CERTIFICATE", "")
    if value.lower() not in ("", "required"):
        raise SettingsError(
            f"The variable WEBHOOK_CLIENT_CERTIFICATE has the unknown value {value!r}. "
            "Set it to `required`, or remove it if admission reviews of all callers may be answered."
        )
    return bool(value)


def _watch_namespaces(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the chosen namespaces; empty if the variable is not set.

    A misspelled value must not count as empty, because the operator would then serve all namespaces.

    Raises:
        SettingsError: the value contains something that is not a valid name of a namespace.
    """
    value = environ.get("WATCH_NAMESPACES", "")
    names = tuple(dict.fromkeys(name.strip() for name in value.split(","))) if value else ()
    if wrong := [name for name in names if not _NAMESPACE.fullmatch(name)]:
        raise SettingsError(
            f"The variable WATCH_NAMESPACES contains {wrong[0]!r}, which is not a valid name of a namespace. "
            "Set it to namespaces separated by commas, or remove it to serve all namespaces."
        )
    return names


def _api_server_service(environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Return address and port, which the kubelet sets in each pod; None if a provider sets a host name there."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    try:
        return str(ipaddress.ip_address(host)), int(port)
    except ValueError:
        return None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() == "true"
