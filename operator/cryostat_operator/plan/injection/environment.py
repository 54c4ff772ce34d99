"""The environment variables that configure the agent."""

from __future__ import annotations

from collections.abc import Iterator

from .. import builders
from ..components import agent_gateway
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from .labels import AgentOptions
from .pod_fields import PodContext

CERTIFICATE_DIRECTORY = "/var/run/secrets/io.cryostat/cryostat-agent"
# Outside the directory of the agent, which is mounted read-only: a mount point below it could not be created.
TRIGGERS_DIRECTORY = "/var/run/io.cryostat/smart-triggers"
# The volume has each file twice, in this directory and as a link to it: the agent would load each trigger twice.
TRIGGERS_FILES = f"{TRIGGERS_DIRECTORY}/..data/."
LOG_LEVEL = "io.cryostat.agent.shaded.org.slf4j.simpleLogger.defaultLogLevel"
_P = "CRYOSTAT_AGENT_"  # prefix of the variables


def agent_variables(instance: Instance, context: PodContext, options: AgentOptions, container: str = "") -> list[Obj]:
    """Return all variables that the agent reads. A variable refers only to variables before it.

    Args:
        instance: the Cryostat that the agent registers with.
        context: namespace of the pod, address family of pods, FIPS mode.
        options: the options from the labels of the pod.
        container: the name of the container, needed if several containers get the agent.
    """
    # The application shows this name, and each agent of a pod needs its own.
    suffix = f"-{container}" if len(options.containers) > 1 else ""
    return [
        builders.env(f"{_P}BASEURI", gateway(instance)),
        # The agent's default refuses Services whose addresses are not private by RFC 1918, as on GKE and with IPv6.
        builders.env(f"{_P}BASEURI_RANGE", "public"),
        # By default, the agent sends the token of the pod's ServiceAccount with each request. The gateway does not
        # need it, and users who control the pods of the instance could use it.
        builders.env(f"{_P}AUTHORIZATION_TYPE", "none"),
        _field(f"{_P}POD_NAME", "metadata.name"),
        builders.env(f"{_P}APP_NAME", f"$({_P}POD_NAME){suffix}"),
        _field(f"{_P}POD_IP", "status.podIP"),
        builders.env(f"{_P}API_WRITES_ENABLED", builders.bool_text(not options.read_only)),
        builders.env(f"{_P}WEBSERVER_PORT", str(options.callback_port)),
        builders.env(f"{_P}PUBLISH_FILL_STRATEGY", "KUBERNETES"),
        builders.env(f"{_P}PUBLISH_CONTEXT_NAMESPACE", context.namespace),
        builders.env(f"{_P}PUBLISH_CONTEXT_NODETYPE", "Pod"),
        builders.env(f"{_P}PUBLISH_CONTEXT_NAME", f"$({_P}POD_NAME)"),
        *_harvester(options),
        *([builders.env(f"{_P}SMART_TRIGGER_CONFIG_PATH", TRIGGERS_FILES)] if options.smart_triggers else []),
        *_callback(instance, context.namespace, options.callback_port, context.ipv6),
        *_tls(instance, fips=context.fips),
    ]


def gateway(instance: Instance) -> str:
    """Return the URL at which agents reach the instance."""
    port = agent_gateway.service_port(instance)
    return f"{instance.scheme}://{instance.name}-agent.{instance.namespace}.svc:{port}"


def _harvester(options: AgentOptions) -> Iterator[Obj]:
    harvester = options.harvester
    if harvester is None:
        return
    yield builders.env(f"{_P}HARVESTER_TEMPLATE", harvester.template)
    if harvester.period is not None:
        yield builders.env(f"{_P}HARVESTER_PERIOD_MS", str(harvester.period))
    if harvester.max_files is not None:
        yield builders.env(f"{_P}HARVESTER_MAX_FILES", str(harvester.max_files))
    yield builders.env(f"{_P}HARVESTER_EXIT_MAX_AGE_MS", str(harvester.exit_max_age))
    yield builders.env(f"{_P}HARVESTER_EXIT_MAX_SIZE_B", str(harvester.exit_max_size))


def _callback(instance: Instance, namespace: str, port: int, ipv6: bool) -> Iterator[Obj]:
    """Yield the variables with the URL of the agent: its address if host names are not verified, otherwise its name."""
    agent, address = instance.spec.agent_options, f"$({_P}POD_IP)"
    if agent and agent.disable_hostname_verification:
        yield builders.env(f"{_P}CALLBACK", f"{instance.scheme}://{f'[{address}]' if ipv6 else address}:{port}")
        return
    service = names.agent_callback_service(instance.namespace, instance.name)
    separator = ":" if ipv6 else "."
    yield builders.env(f"{_P}CALLBACK_SCHEME", instance.scheme)
    yield builders.env(f"{_P}CALLBACK_HOST_NAME", f'$({_P}POD_NAME), {address}[replace("{separator}"\\, "-")]')
    yield builders.env(f"{_P}CALLBACK_DOMAIN_NAME", f"{service}.{namespace}.svc")
    yield builders.env(f"{_P}CALLBACK_PORT", str(port))


def _tls(instance: Instance, *, fips: bool) -> Iterator[Obj]:
    if not instance.tls:
        yield builders.env(f"{_P}WEBCLIENT_TLS_REQUIRED", "false")
        return
    certificate, key, authority = (f"{CERTIFICATE_DIRECTORY}/{file}" for file in ("tls.crt", "tls.key", "ca.crt"))
    yield builders.env(f"{_P}WEBCLIENT_TLS_CLIENT_AUTH_CERT_PATH", certificate)
    yield builders.env(f"{_P}WEBCLIENT_TLS_CLIENT_AUTH_KEY_PATH", key)
    yield builders.env(f"{_P}WEBCLIENT_TLS_TRUSTSTORE_CERT_0__PATH", authority)
    yield builders.env(f"{_P}WEBCLIENT_TLS_TRUSTSTORE_CERT_0__TYPE", "X.509")
    yield builders.env(f"{_P}WEBCLIENT_TLS_TRUSTSTORE_CERT_0__ALIAS", "cryostat")
    yield builders.env(f"{_P}WEBSERVER_TLS_CERT_FILE", certificate)
    yield builders.env(f"{_P}WEBSERVER_TLS_CERT_TYPE", "X.509")
    yield builders.env(f"{_P}WEBSERVER_TLS_CERT_ALIAS", "cryostat")
    yield builders.env(f"{_P}WEBSERVER_TLS_KEY_PATH", key)
    yield builders.env(f"{_P}WEBSERVER_TLS_KEY_TYPE", "RSA")
    yield builders.env(f"{_P}WEBSERVER_TLS_KEY_ALIAS", "cryostat")
    if fips:  # the agent's default is TLS 1.2, whose key exchange FIPS mode restricts
        yield builders.env(f"{_P}WEBCLIENT_TLS_VERSION", "TLSv1.3")
        yield builders.env(f"{_P}WEBSERVER_TLS_VERSION", "TLSv1.3")


def _field(name: str, path: str) -> Obj:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
