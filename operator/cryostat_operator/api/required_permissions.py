"""What a user must be allowed to do in order to write a Cryostat: the operator must not be a way around RBAC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .constants import GROUP, PLURAL, VERSION

Obj = Mapping[str, Any]

# What the `baseline` Pod Security level lets a container add.
_BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
_BASELINE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    }
)  # fmt: skip
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_BASELINE_SELINUX = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})

# What decides who gets at the instance, and with it at the targets in all of its namespaces: who may log in, where
# recordings go, who reaches its parts past the login, and what else runs in its pods (webhooks of others act on labels
# and annotations).
_DOORS = (
    "authorizationOptions",
    "objectStorageOptions",
    "networkPolicies",
    "enableCertManager",
    "agentOptions.allowInsecure",
    "agentOptions.disableHostnameVerification",
    "operandMetadata",
)


@dataclass(frozen=True)
class Permission:
    """One permission that the writer must have.

    Attributes:
        verb, group, resource, namespace, name, version, subresource: `resourceAttributes` of a SubjectAccessReview.
        why: what in the spec asks for it.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""
    version: str = ""
    subresource: str = ""
    why: str = field(default="", compare=False)

    @property
    def attributes(self) -> dict[str, str]:
        """`resourceAttributes` of a SubjectAccessReview."""
        names = ("verb", "group", "resource", "namespace", "name", "version", "subresource")
        return {key: getattr(self, key) for key in names if getattr(self, key)}

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        resource += f".{self.group}" if self.group else ""
        one = f' "{self.name}"' if self.name else ""
        return f'{self.verb} {resource}{one} in namespace "{self.namespace}"'


def needed(new: Obj, old: Obj | None, *, openshift: bool) -> list[Permission]:
    """What the writer of `new` must be allowed to do; on an update only what `old` did not already ask for.

    An update that changes who gets at the instance is like making it: it asks for everything.

    Args:
        new, old: Cryostats in the shape of their v1beta2 JSON, with `metadata.namespace`.
        openshift: whether security context constraints exist.

    Returns:
        Permissions without repetition: target namespaces in the order of the spec, then Secrets, then privileges.
    """
    wanted = dict.fromkeys(_all(new, openshift))
    if old is None:
        return list(wanted)
    if door := opened(new, old):
        return [replace(each, why=f"a change of spec.{door} with {each.why}") for each in wanted]
    before = set(_all(old, openshift))
    return [permission for permission in wanted if permission not in before]


def opened(new: Obj, old: Obj) -> str:
    """The first field that changes who gets at an instance, as a path below the spec; empty where none does."""
    return next((path for path in _DOORS if _at(new, path) != _at(old, path)), "")


def target_namespaces(obj: Obj) -> list[str]:
    """Namespaces that the instance gets access to, each once; its own where none is given."""
    given = _dict(obj.get("spec")).get("targetNamespaces")
    own = str(obj["metadata"].get("namespace") or "")
    return list(dict.fromkeys(str(name) for name in (given if isinstance(given, list) else []) or [own]))


def secrets(obj: Obj) -> Iterator[tuple[str, str]]:
    """Path below the spec and name of each Secret that an instance would read for the author of this object."""
    spec = _dict(obj.get("spec"))
    for path in ("authorizationOptions.basicAuth", "databaseOptions", "objectStorageOptions"):
        yield f"{path}.secretName", str(_at(obj, f"{path}.secretName") or "")
    for path in ("trustedCertSecrets", "declarativeCredentials"):
        for index, item in enumerate(_list(spec.get(path))):
            yield f"{path}[{index}].secretName", str(_dict(item).get("secretName") or "")


def external_host(obj: Obj) -> str:
    """The host name that the author claims for the Route, or an empty text."""
    return str(_at(obj, "networkOptions.coreConfig.externalHost") or "")


def privileges(obj: Obj) -> Iterator[str]:
    """What in the security contexts goes beyond the `baseline` Pod Security level, as paths with values."""
    spec = _dict(obj.get("spec"))
    reports = _dict(_dict(spec.get("reportOptions")).get("securityOptions"))
    options = {"securityOptions": spec.get("securityOptions"), "reportOptions.securityOptions": reports}
    for prefix, contexts in options.items():
        for name, context in _dict(contexts).items():
            for path in _beyond_baseline(_dict(context)):
                yield f"{prefix}.{name}.{path}"
    pods = _dict(_dict(spec.get("operandMetadata")).get("podMetadata"))
    for key, value in _dict(pods.get("annotations")).items():
        if key.startswith(_APPARMOR) and value == "unconfined":
            yield f"operandMetadata.podMetadata.annotations[{key}]=unconfined"


def _all(obj: Obj, openshift: bool) -> Iterator[Permission]:
    namespace = str(obj["metadata"].get("namespace") or "")
    for target in target_namespaces(obj):
        yield Permission("create", GROUP, PLURAL, target, version=VERSION, why="spec.targetNamespaces")
    for path, name in secrets(obj):
        if name:
            yield Permission("get", "", "secrets", namespace, name, "v1", why=f"spec.{path}")
    if openshift and (host := external_host(obj)):
        why = f"spec.networkOptions.coreConfig.externalHost={host}"
        route = ("create", "route.openshift.io", "routes", namespace, "", "v1", "custom-host")
        yield _Privileged(*route, why=why, privilege=host)
    # One for each privilege: having one already is no reason to be given another.
    for privilege in privileges(obj):
        yield _Privileged("create", "", "pods", namespace, version="v1", why=f"spec.{privilege}", privilege=privilege)
        if openshift:
            constraint = ("use", "security.openshift.io", "securitycontextconstraints", namespace, "privileged", "v1")
            yield _Privileged(*constraint, why=f"spec.{privilege}", privilege=privilege)


@dataclass(frozen=True)
class _Privileged(Permission):
    privilege: str = ""


def _beyond_baseline(context: Obj) -> Iterator[str]:
    if context.get("privileged") is True:
        yield "privileged=true"
    for added in _list(_dict(context.get("capabilities")).get("add")):
        if str(added) not in _BASELINE_CAPABILITIES:
            yield f"capabilities.add={added}"
    if str(context.get("procMount") or "Default") != "Default":
        yield f"procMount={context['procMount']}"
    for profile in ("seccompProfile", "appArmorProfile"):
        if _dict(context.get(profile)).get("type") == "Unconfined":
            yield f"{profile}.type=Unconfined"
    linux = _dict(context.get("seLinuxOptions"))
    for key in ("user", "role"):
        if linux.get(key):
            yield f"seLinuxOptions.{key}={linux[key]}"
    if str(linux.get("type") or "") not in _BASELINE_SELINUX:
        yield f"seLinuxOptions.type={linux['type']}"
    if _dict(context.get("windowsOptions")).get("hostProcess") is True:
        yield "windowsOptions.hostProcess=true"
    for sysctl in _list(context.get("sysctls")):
        if _dict(sysctl).get("name") not in _BASELINE_SYSCTLS:
            yield f"sysctls={_dict(sysctl).get('name')}"


def _at(obj: Obj, path: str) -> Any:
    node: Any = _dict(obj.get("spec"))
    for step in path.split("."):
        node = _dict(node).get(step)
    return _said(node)


def _said(value: Any) -> Any:
    """A value without its empty parts: they say no more than absent ones."""
    if isinstance(value, Mapping):
        return {key: said for key, each in value.items() if (said := _said(each)) is not None} or None
    return None if value in ("", []) else value


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
