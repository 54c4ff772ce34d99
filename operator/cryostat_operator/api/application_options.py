"""Models of the application part of the spec: discovery, target connections, agents, users, and files."""

from typing import Annotated, ClassVar, Literal

from .base import (
    Bool,
    DataKey,
    EmptyIsAbsent,
    FromMinusOne,
    FromOne,
    Model,
    ObjectName,
    Port,
    ResourceAttributes,
    ResourceRequirements,
    Rule,
    Unexpanded,
    doc,
    required,
)


class CertificateSecret(Model):
    """A trusted certificate in a Secret or ConfigMap."""

    secret_name: ObjectName | None = doc("Secret in the namespace of this object that contains the certificate.")
    config_map_name: ObjectName | None = doc("ConfigMap in the namespace of this object that contains the certificate.")
    certificate_key: DataKey | None = doc(
        "Key of the certificate in PEM form. Default `tls.crt` in a Secret, `service-ca.crt` in a ConfigMap."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.secretName) != has(self.configMapName)",
            "exactly one of secretName and configMapName must be set",
            lambda c: (c.secret_name is None) != (c.config_map_name is None),
        ),
    )


class TemplateConfigMap(Model):
    """A file in a ConfigMap."""

    config_map_name: ObjectName = required("ConfigMap in the namespace of this object that contains the file.")
    filename: DataKey = required("Key of the file in the ConfigMap.")


class DeclarativeCredential(Model):
    """Logins to targets, in a Secret."""

    secret_name: ObjectName = required(
        "Secret in the namespace of this object; each key contains one login as JSON, with `matchExpression`, "
        "`username` and `password`."
    )


class TargetConnectionCacheOptions(Model):
    """Connections to target JVMs."""

    target_cache_size: FromMinusOne | None = doc(
        "Maximum number of open target connections. -1 (the default) and 0 mean unlimited. "
        "Only Cryostat 4.0 and earlier read it."
    )
    target_cache_ttl: FromOne | None = doc(
        "Seconds after which an unused target connection is closed. Default 10.", alias="targetCacheTTL"
    )


class TargetDiscoveryOptions(Model):
    """Discovery of target JVMs."""

    disable_built_in_discovery: Bool | None = doc(
        "Disable the discovery of targets through the Kubernetes API. Agents and manually added targets still appear."
    )
    disable_built_in_port_names: Bool | None = doc(
        "Do not use the default port name if `discoveryPortNames` is absent."
    )
    discovery_port_names: list[Unexpanded] | None = doc("Names of JMX ports. Default `jfr-jmx`.")
    disable_built_in_port_numbers: Bool | None = doc(
        "Do not use the default port number if `discoveryPortNumbers` is absent."
    )
    discovery_port_numbers: list[Port] | None = doc("Numbers of JMX ports. Default 9091.")


class AgentOptions(Model):
    """Cryostat agents in the target workloads."""

    disable_hostname_verification: Bool | None = doc(
        "Do not verify host names in connections from the application to agents. The application then connects to "
        "the IP address of the pod."
    )
    allow_insecure: Bool | None = doc("Accept agents that serve plain HTTP.")
    resources: ResourceRequirements | None = doc(
        "Resources of the init container that copies the agent into a pod. Default: those of the container that gets "
        "the agent. If it has none: default requests 10m CPU and 32Mi, limits 20m CPU and 64Mi."
    )


class LoggingOptions(Model):
    """Logging of the application."""

    core_log_level: Literal["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"] | None = doc(
        "Log level of the application. Default INFO."
    )


class SecretFile(Model):
    """An htpasswd file in a Secret."""

    secret_name: ObjectName | None = doc("Secret in the namespace of this object that contains an htpasswd file.")
    filename: DataKey | None = doc("Key of the htpasswd file in the Secret.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.secretName) == has(self.filename)",
            "secretName and filename must be set together: with only one of them no login is configured",
            lambda f: (f.secret_name is None) == (f.filename is None),
        ),
    )


class OpenShiftSSOConfig(Model):
    """Authentication with OpenShift accounts."""

    disable: Bool | None = doc(
        "Disable authentication, on every platform: anyone who can connect to the application can use it. This is the "
        "only setting that disables authentication. It has no effect together with `basicAuth`."
    )
    access_review: ResourceAttributes | None = doc(
        "Permission that users need on OpenShift. Default: `create` on `pods/exec` in the namespace of this object."
    )


class AuthorizationOptions(Model):
    """Authentication and authorization of users."""

    basic_auth: Annotated[SecretFile | None, EmptyIsAbsent] = doc(
        "Users and passwords from an htpasswd file. Default on Kubernetes: the operator generates a login and names "
        "its Secret in `status.basicAuthSecret`."
    )
    open_shift_sso: OpenShiftSSOConfig | None = doc(
        "Authentication with OpenShift accounts, the default on OpenShift, and the switch to disable authentication.",
        alias="openShiftSSO",
    )
