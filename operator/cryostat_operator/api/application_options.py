"""What the application itself does: discovery, target connections, agents, users, and files given by the user."""

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
    Text,
    doc,
    required,
)


class CertificateSecret(Model):
    """A certificate to trust, in a Secret or in a ConfigMap."""

    secret_name: ObjectName | None = doc("Secret in the namespace of this object that holds the certificate.")
    config_map_name: ObjectName | None = doc("ConfigMap in the namespace of this object that holds the certificate.")
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

    config_map_name: ObjectName = required("ConfigMap in the namespace of this object that holds the file.")
    filename: DataKey = required("Key of the file in the ConfigMap.")


class DeclarativeCredential(Model):
    """Credentials for targets, in a Secret."""

    secret_name: ObjectName = required(
        "Secret in the namespace of this object; each key holds stored credentials in JSON form."
    )


class TargetConnectionCacheOptions(Model):
    """Connections to target JVMs."""

    target_cache_size: FromMinusOne | None = doc(
        "Number of target connections that may be open at a time. Unlimited with -1, the default, and with 0."
    )
    target_cache_ttl: FromOne | None = doc(
        "Seconds after which an unused target connection is closed. Default 10.", alias="targetCacheTTL"
    )


class TargetDiscoveryOptions(Model):
    """How target JVMs are found."""

    disable_built_in_discovery: Bool | None = doc(
        "Do not look for targets through the Kubernetes API; only agents and targets added by hand are known then."
    )
    disable_built_in_port_names: Bool | None = doc("Do not fall back to the default port name when no names are given.")
    discovery_port_names: list[Text] | None = doc("Names of ports that are taken for JMX. Default `jfr-jmx`.")
    disable_built_in_port_numbers: Bool | None = doc(
        "Do not fall back to the default port number when no numbers are given."
    )
    discovery_port_numbers: list[Port] | None = doc("Numbers of ports that are taken for JMX. Default 9091.")


class AgentOptions(Model):
    """Cryostat agents in the target workloads."""

    disable_hostname_verification: Bool | None = doc(
        "Do not compare host names with certificates when the application calls agents; agents are then called by "
        "pod IP."
    )
    allow_insecure: Bool | None = doc("Accept agents that are reached by plain HTTP.")
    resources: ResourceRequirements | None = doc(
        "Resources of the init container that brings the agent into a pod. Default requests 10m CPU and 32Mi, "
        "limits 20m CPU and 64Mi."
    )


class LoggingOptions(Model):
    """Logging of the application."""

    core_log_level: Literal["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"] | None = doc(
        "Log level of the application. Default INFO."
    )


class SecretFile(Model):
    """An htpasswd file in a Secret."""

    secret_name: ObjectName | None = doc("Secret in the namespace of this object that holds an htpasswd file.")
    filename: DataKey | None = doc("Key of the htpasswd file in the Secret.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.secretName) == has(self.filename)",
            "secretName and filename must be set together: half of them would leave users without a login",
            lambda f: (f.secret_name is None) == (f.filename is None),
        ),
    )


class OpenShiftSSOConfig(Model):
    """Login with OpenShift accounts."""

    disable: Bool | None = doc(
        "Switch authentication off: everybody who reaches the application may use it. This is the only way to an open "
        "instance, on every platform. It has no effect beside `basicAuth`."
    )
    access_review: ResourceAttributes | None = doc(
        "Permission that an OpenShift user needs. By default `create` on `pods/exec` in the namespace of this "
        "object. OpenShift only."
    )


class AuthorizationOptions(Model):
    """Who may use the application."""

    basic_auth: Annotated[SecretFile | None, EmptyIsAbsent] = doc(
        "Users and passwords from an htpasswd file. On Kubernetes, when this is absent, the operator generates a "
        "login and "
        "names its Secret in `status.basicAuthSecret`."
    )
    open_shift_sso: OpenShiftSSOConfig | None = doc(
        "Login with OpenShift accounts, the default on OpenShift, and the switch to an open instance.",
        alias="openShiftSSO",
    )
