"""The permissions that a user needs to write a Cryostat, so that a Cryostat gives its author no access beyond RBAC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .accepted_namespaces import accepted_namespaces
from .constants import ANNOTATION_ACCEPT_NAMESPACES, GROUP, PLURAL, VERSION
from .created_objects import ContentPermission, content_permissions
from .permission import Permission
from .unvalidated import Obj, items_of, mapping_of, value_at

# Capabilities that a container may add at the `baseline` Pod Security level.
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

# Fields that an update may change without all permissions, each with the reason. Any other field can change who reaches
# the instance and, through it, the targets in all of its namespaces; so can fields that are added later.
HARMLESS_FIELDS: Mapping[str, str] = {
    "targetNamespaces": "each added namespace is reviewed separately",
    "securityOptions": "each privilege beyond the baseline level is reviewed separately",
    "reportOptions": "report generators get recordings from the instance; their privileges and scheduling are reviewed",
    "resources": "amounts of CPU and memory",
    "schedulingOptions": "tolerations and required anti-affinity are reviewed separately",
    "loggingOptions": "logs are readable only with permissions on pods",
    "targetConnectionCacheOptions": "sizes and times of a cache",
    "agentOptions.resources": "amounts of CPU and memory",
}


def required_permissions(new: Obj, old: Obj | None, *, openshift: bool) -> list[Permission]:
    """Return the permissions that the author of `new` needs; on an update only those that `old` does not need.

    An update of a field that is not in `HARMLESS_FIELDS` needs all permissions for what the instance gets access to, as
    the creation does; so does accepting a namespace that was created again. Content of the objects that the operator
    creates is reviewed only where it changes.

    Args:
        new, old: Cryostats in the shape of their v1beta2 JSON, with `metadata.namespace`.
        openshift: whether Routes and security context constraints exist.

    Returns:
        Permissions without repetitions: target namespaces in the order of the spec, Secrets, privileges, then content.
    """
    return [*_access(new, old, openshift), *_content(new, old, openshift)]


def _access(new: Obj, old: Obj | None, openshift: bool) -> list[Permission]:
    """Return permissions for what the instance gets access to."""
    required = dict.fromkeys(_all(new, openshift))
    if old is None:
        return list(required)
    if changed := _changed_access(new, old):
        return [replace(each, cause=f"a change of {changed} in a Cryostat with {each.cause}") for each in required]
    before = set(_all(old, openshift))
    return [permission for permission in required if permission not in before]


def _content(new: Obj, old: Obj | None, openshift: bool) -> list[Permission]:
    """Return permissions for content of created objects that `old` does not have; one for each kind and namespace."""
    targets, before = target_namespaces(new), set[ContentPermission]()
    if old is not None:
        before = set(content_permissions(old, target_namespaces(old), openshift=openshift))
    found: dict[frozenset[tuple[str, str]], Permission] = {}
    for permission in content_permissions(new, targets, openshift=openshift):
        if permission not in before:
            found.setdefault(frozenset(permission.attributes.items()), permission)
    return list(found.values())


def _changed_access(new: Obj, old: Obj) -> str:
    """Return the path of the first change that needs all permissions; empty if there is none."""
    if accepted_namespaces(new["metadata"]) - accepted_namespaces(old["metadata"]):
        return f"metadata.annotations[{ANNOTATION_ACCEPT_NAMESPACES}]"
    changed = changed_access_field(new, old)
    return f"spec.{changed}" if changed else ""


def changed_access_field(new: Obj, old: Obj) -> str:
    """Return the first changed field that is not harmless, as a path below the spec; empty if there is none."""
    return _changed(_without_empty(mapping_of(new.get("spec"))), _without_empty(mapping_of(old.get("spec"))), "")


def _changed(new: Any, old: Any, path: str) -> str:
    """Return the first difference that is not harmless. Objects with harmless parts are compared field by field."""
    if new == old or path in HARMLESS_FIELDS:
        return ""
    if path and not any(field.startswith(f"{path}.") for field in HARMLESS_FIELDS):
        return path
    new, old = mapping_of(new), mapping_of(old)
    for key in dict.fromkeys((*new, *old)):
        if changed := _changed(new.get(key), old.get(key), f"{path}.{key}" if path else str(key)):
            return changed
    return ""


def target_namespaces(obj: Obj) -> list[str]:
    """Return the namespaces that the instance gets access to, each once; by default its own."""
    given = mapping_of(obj.get("spec")).get("targetNamespaces")
    own = str(obj["metadata"].get("namespace") or "")
    return list(dict.fromkeys(str(name) for name in items_of(given) or [own]))


def secrets(obj: Obj) -> Iterator[tuple[str, str]]:
    """Yield the path below the spec and the name of each Secret that the instance reads."""
    spec = mapping_of(obj.get("spec"))
    for path in ("authorizationOptions.basicAuth", "databaseOptions", "objectStorageOptions"):
        yield f"{path}.secretName", str(_at(obj, f"{path}.secretName") or "")
    for path in ("trustedCertSecrets", "declarativeCredentials"):
        for index, item in enumerate(items_of(spec.get(path))):
            yield f"{path}[{index}].secretName", str(mapping_of(item).get("secretName") or "")


def external_host(obj: Obj) -> str:
    """Return the host name of the Route that the author requests, or an empty text."""
    return str(_at(obj, "networkOptions.coreConfig.externalHost") or "")


def privileges(obj: Obj) -> Iterator[str]:
    """Yield what the `baseline` Pod Security level does not allow in the security contexts, as paths with values."""
    spec = mapping_of(obj.get("spec"))
    reports = mapping_of(mapping_of(spec.get("reportOptions")).get("securityOptions"))
    options = {"securityOptions": spec.get("securityOptions"), "reportOptions.securityOptions": reports}
    for prefix, contexts in options.items():
        for name, context in mapping_of(contexts).items():
            for path in _beyond_baseline(mapping_of(context)):
                yield f"{prefix}.{name}.{path}"
    pods = mapping_of(mapping_of(spec.get("operandMetadata")).get("podMetadata"))
    for key, value in mapping_of(pods.get("annotations")).items():
        if key.startswith(_APPARMOR) and value == "unconfined":
            yield f"operandMetadata.podMetadata.annotations[{key}]=unconfined"


def _all(obj: Obj, openshift: bool) -> Iterator[Permission]:
    namespace = str(obj["metadata"].get("namespace") or "")
    for target in target_namespaces(obj):
        yield Permission("create", GROUP, PLURAL, target, version=VERSION, cause="spec.targetNamespaces")
    for path, name in secrets(obj):
        if name:
            yield Permission("get", "", "secrets", namespace, name, "v1", cause=f"spec.{path}")
    if openshift and (host := external_host(obj)):
        cause = f"spec.networkOptions.coreConfig.externalHost={host}"
        route = ("create", "route.openshift.io", "routes", namespace, "", "v1", "custom-host")
        yield _Privileged(*route, cause=cause, privilege=host)
    # One permission for each privilege, because a privilege that the object already has does not cover another one.
    for privilege in privileges(obj):
        yield _Privileged("create", "", "pods", namespace, version="v1", cause=f"spec.{privilege}", privilege=privilege)
        if openshift:
            constraint = ("use", "security.openshift.io", "securitycontextconstraints", namespace, "privileged", "v1")
            yield _Privileged(*constraint, cause=f"spec.{privilege}", privilege=privilege)


@dataclass(frozen=True)
class _Privileged(Permission):
    privilege: str = ""


def _beyond_baseline(context: Obj) -> Iterator[str]:
    if context.get("privileged") is True:
        yield "privileged=true"
    for added in items_of(mapping_of(context.get("capabilities")).get("add")):
        if str(added) not in _BASELINE_CAPABILITIES:
            yield f"capabilities.add={added}"
    if str(context.get("procMount") or "Default") != "Default":
        yield f"procMount={context['procMount']}"
    for profile in ("seccompProfile", "appArmorProfile"):
        if mapping_of(context.get(profile)).get("type") == "Unconfined":
            yield f"{profile}.type=Unconfined"
    linux = mapping_of(context.get("seLinuxOptions"))
    for key in ("user", "role"):
        if linux.get(key):
            yield f"seLinuxOptions.{key}={linux[key]}"
    if str(linux.get("type") or "") not in _BASELINE_SELINUX:
        yield f"seLinuxOptions.type={linux['type']}"
    if mapping_of(context.get("windowsOptions")).get("hostProcess") is True:
        yield "windowsOptions.hostProcess=true"
    for sysctl in items_of(context.get("sysctls")):
        if mapping_of(sysctl).get("name") not in _BASELINE_SYSCTLS:
            yield f"sysctls={mapping_of(sysctl).get('name')}"


def _at(obj: Obj, path: str) -> Any:
    return _without_empty(value_at(obj.get("spec"), path))


def _without_empty(value: Any) -> Any:
    """Return a value without its empty parts, which mean the same as absent ones."""
    if isinstance(value, Mapping):
        return {key: kept for key, each in value.items() if (kept := _without_empty(each)) is not None} or None
    return None if value in ("", []) else value
