"""The environment variables of an instrumented container; what its author has set wins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .. import builders
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from .labels import Options

CERTIFICATE_DIRECTORY = "/var/run/secrets/io.cryostat/cryostat-agent"
# Outside the agent's directory: a mount point below a read-only volume could not be made.
TRIGGERS_DIRECTORY = "/var/run/io.cryostat/smart-triggers"
# The volume has each file twice, in this directory and as a link to it: the agent would load each trigger twice.
TRIGGERS_FILES = f"{TRIGGERS_DIRECTORY}/..data/."
LOG_LEVEL = "io.cryostat.agent.shaded.org.slf4j.simpleLogger.defaultLogLevel"
# Holds the author's own options where they come from elsewhere.
INHERITED_OPTIONS = "CRYOSTAT_AGENT_GIVEN_JAVA_OPTIONS"
_P = "CRYOSTAT_AGENT_"
_AN_AGENT = re.compile(r"-javaagent:\S*cryostat-agent\S*\.jar")

Keys = Mapping[tuple[str, str], frozenset[str] | None]


def wanted(instance: Instance, namespace: str, options: Options, *, ipv6: bool) -> list[Obj]:
    """All variables that the agent reads, in an order in which each refers to former ones only."""
    return [
        builders.env(f"{_P}BASEURI", gateway(instance)),
        # The agent's default refuses Services whose addresses are not private by RFC 1918, as on GKE and with IPv6.
        builders.env(f"{_P}BASEURI_RANGE", "public"),
        _field(f"{_P}POD_NAME", "metadata.name"),
        builders.env(f"{_P}APP_NAME", f"$({_P}POD_NAME)"),
        _field(f"{_P}POD_IP", "status.podIP"),
        builders.env(f"{_P}API_WRITES_ENABLED", builders.bool_text(not options.read_only)),
        builders.env(f"{_P}WEBSERVER_PORT", str(options.callback_port)),
        builders.env(f"{_P}PUBLISH_FILL_STRATEGY", "KUBERNETES"),
        builders.env(f"{_P}PUBLISH_CONTEXT_NAMESPACE", namespace),
        builders.env(f"{_P}PUBLISH_CONTEXT_NODETYPE", "Pod"),
        builders.env(f"{_P}PUBLISH_CONTEXT_NAME", f"$({_P}POD_NAME)"),
        *_harvester(options),
        *([builders.env(f"{_P}SMART_TRIGGER_CONFIG_PATH", TRIGGERS_FILES)] if options.smart_triggers else []),
        *_callback(instance, namespace, options.callback_port, ipv6),
        *_tls(instance),
    ]


def gateway(instance: Instance) -> str:
    """URL at which agents reach the instance."""
    service = instance.spec.service_options
    config = service.agent_gateway_config if service else None
    port = (config.http_port if config else None) or names.PORT_AGENT_GATEWAY
    return f"{instance.scheme}://{instance.name}-agent.{instance.namespace}.svc:{port}"


def _harvester(options: Options) -> Iterator[Obj]:
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
    """How the application calls the agent back: by address where it does not compare names, else by name."""
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


def _tls(instance: Instance) -> Iterator[Obj]:
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


def _field(name: str, path: str) -> Obj:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def sources(container: Obj) -> list[tuple[str, str, str, bool]]:
    """Kind, name, prefix and whether it may be missing, of all that a container takes variables from as a whole."""
    found = []
    for each in container.get("envFrom") or []:
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if reference := each.get(field):
                name, optional = str(reference.get("name") or ""), reference.get("optional") is True
                found.append((kind, name, str(each.get("prefix") or ""), optional))
    return found


class Variables:
    """The variables of one container; after `problem` is set, the container must not be used."""

    def __init__(self, container: Obj, keys: Keys) -> None:
        self._container = container
        self._unknown: list[str] = []
        self._taken = self._from_elsewhere(keys)
        self.problem = ""
        self.hints: list[str] = []

    def _from_elsewhere(self, keys: Keys) -> set[str]:
        found: set[str] = set()
        for kind, name, prefix, optional in sources(self._container):
            known = keys.get((kind, name))
            if known is not None:
                found |= {prefix + key for key in known}
            elif not optional or (kind, name) not in keys:
                self._unknown.append(f"{kind} {name}")
        return found

    def add(self, wanted: Iterable[Obj]) -> None:
        """Add variables, but none that is set already."""
        entries: list[Obj] = self._container.setdefault("env", [])
        own: dict[str, Any] = {entry["name"]: entry for entry in entries}
        kept = []
        for entry in wanted:
            name = entry["name"]
            if name in self._taken or (name in own and not _same(own[name], entry)):
                kept.append(name)
            elif name not in own:
                entries.append(entry)
        if kept:
            self.hints.append(f"{', '.join(kept)}: already set, and kept as it is")

    def append_option(self, variable: str, option: str) -> None:
        """Append to a variable, so that it says all that it said before."""
        entries: list[Obj] = self._container["env"]
        places = [index for index, entry in enumerate(entries) if entry["name"] == variable]
        if not places:
            self._append_to_source(variable, option)
            return
        entry = entries[places[-1]]  # the last one counts
        value = entry.get("value") or ""
        agent = _AN_AGENT.search(value)
        if agent and not agent.group().startswith(option.partition("=")[0]):
            self.problem = f"{variable} has an agent already"
        elif "valueFrom" in entry:
            self._append_to_reference(places[-1], variable, option)
        elif not agent:
            entry["value"] = f"{value} {option}".strip()

    def _append_to_source(self, variable: str, option: str) -> None:
        if variable in self._taken:
            option = f"$({variable}) {option}"
        elif self._unknown:
            self.problem = (
                f"{variable} may come from {', '.join(self._unknown)}, which cannot be read; "
                f"set {variable} in the container, or choose another variable with cryostat.io/java-options-var"
            )
        self._container["env"].append(builders.env(variable, option))

    def _append_to_reference(self, place: int, variable: str, option: str) -> None:
        entries = self._container["env"]
        source = entries[place]["valueFrom"]
        if any(isinstance(each, dict) and each.get("optional") for each in source.values()):
            # The reference would stay in the text where there is no such key, and the JVM would not start.
            self.problem = f"{variable} comes from something that may be missing"
            return
        entries[place] = {"name": INHERITED_OPTIONS, "valueFrom": source}
        entries.append(builders.env(variable, f"$({INHERITED_OPTIONS}) {option}"))


def _same(a: Obj, b: Obj) -> bool:
    """Whether two entries say the same; the API server fills in the version of a field reference."""
    field = ((a.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
    if field is not None:
        return bool(field == ((b.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath"))
    return (a.get("value") or "") == (b.get("value") or "")
