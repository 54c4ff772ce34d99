"""Warnings about a Cryostat that is valid but probably does not do what its author intends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any

from . import constants, known_annotations
from .conversion import ANNOTATION as PRESERVED
from .name_warnings import name_warnings
from .unvalidated import Obj, items_of, mapping_of, mappings_of

# Values of Kubernetes' own types. The schema allows any value, because a later Kubernetes may add some.
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "accessModes": ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"),
    "volumeMode": ("Filesystem", "Block"),
    "pathType": ("Exact", "Prefix", "ImplementationSpecific"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    "fsGroupChangePolicy": ("OnRootMismatch", "Always"),
    "procMount": ("Default", "Unmasked"),
}
_KNOWN_BELOW: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("seccompProfile", "type"): ("RuntimeDefault", "Unconfined", "Localhost"),
    ("appArmorProfile", "type"): ("RuntimeDefault", "Unconfined", "Localhost"),
    ("tolerations", "operator"): ("Exists", "Equal"),
    ("matchExpressions", "operator"): ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
}
# Maps whose keys the user chooses.
USER_KEYS = frozenset({"annotations", "labels", "nodeSelector", "matchLabels", "limits", "requests"})
OWN_DOMAINS = (f"{constants.GROUP}/", "cryostat.io/")
KNOWN_LABELS = (constants.LABEL_NAME, constants.LABEL_NAMESPACE, PRESERVED)
MAX_KEY_WARNINGS = 10
MAX_SPEC_WARNINGS = 50  # an answer to a review shows fewer
MAX_KEY_LENGTH = 317  # characters of a key: 253 of the domain, a slash, 63 of the name
# What the ports without a login of a component offer.
_WITHOUT_LOGIN = {"coreConfig": "use Grafana", "storageConfig": "read recordings in the object storage"}
_FILES = ("automatedRules", "eventTemplates", "probeTemplates")


def warnings_for(obj: Obj) -> list[str]:
    """Return warnings in the order of the spec, at most `MAX_SPEC_WARNINGS`.

    Args:
        obj: a Cryostat in the shape of its v1beta2 JSON.
    """
    spec = obj.get("spec")
    if not isinstance(spec, Mapping):
        return []
    findings = (
        *(_duplicates(spec), _deprecated(spec), _ineffective(spec)),
        *(_open_ports(spec), _untrusted_authorities(spec), _unknown_values(spec, "spec", "")),
    )
    return list(islice(chain(*findings, name_warnings(spec)), MAX_SPEC_WARNINGS))


def key_warnings(new: Obj, old: Obj | None = None) -> list[str]:
    """Return warnings about annotations and labels of the operator's own domains that have no meaning.

    Args:
        new: a Cryostat.
        old: the Cryostat before an update: its keys cause no warning again.
    """
    found = []
    for field, known in (("annotations", known_annotations.KNOWN), ("labels", KNOWN_LABELS)):
        keys = [key for key in _metadata(new, field) if key not in _metadata(old or {}, field)]
        unknown = [key for key in keys if key.startswith(OWN_DOMAINS) and key not in known]
        for key in unknown[:MAX_KEY_WARNINGS]:
            found.append(f"metadata.{field}: {key[:MAX_KEY_LENGTH]} has no meaning; {_key_suggestion(key, known)}")
    return [*found, *_unknown_hibernation(new, old or {})]


def _unknown_hibernation(new: Obj, old: Obj) -> Iterator[str]:
    key = constants.ANNOTATION_HIBERNATION
    value, known = _metadata(new, "annotations").get(key), constants.HIBERNATION_VALUES
    if value is not None and value not in known and value != _metadata(old, "annotations").get(key):
        given = str(value)[:MAX_KEY_LENGTH]
        yield f'metadata.annotations: {key}: "{given}" has no effect; {suggestion(given, known)}'


def _key_suggestion(key: str, known: Iterable[str]) -> str:
    """Return the known key with the name nearest to that of `key`, or all known keys. The domains are not compared."""
    by_name = {each.partition("/")[2]: each for each in known}
    name = key.partition("/")[2][:MAX_KEY_LENGTH].lower()
    same_start = [each for each in by_name if name and (each.startswith(name) or name.startswith(each))]
    near = same_start or get_close_matches(name, by_name, n=1, cutoff=0.6)
    return f"did you mean {by_name[near[0]]}?" if near else f"known keys are {', '.join(by_name.values())}"


def _metadata(obj: Obj, field: str) -> Obj:
    return mapping_of(mapping_of(obj.get("metadata")).get(field))


def suggestion(value: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: the known value nearest to `value`, or all known values."""
    choices = list(known)
    by_letters = {choice.lower(): choice for choice in choices}
    near = get_close_matches(value[:MAX_KEY_LENGTH].lower(), by_letters, n=1, cutoff=0.6)
    return f"did you mean {by_letters[near[0]]}?" if near else f"known values are {', '.join(choices)}"


def _duplicates(spec: Obj) -> Iterator[str]:
    yield from _repeated("targetNamespaces", items_of(spec.get("targetNamespaces")))
    for field in _FILES:
        yield from _repeated(
            field, (f"{e.get('configMapName')}/{e.get('filename')}" for e in mappings_of(spec.get(field)))
        )
    yield from _repeated(
        "declarativeCredentials", (e.get("secretName") for e in mappings_of(spec.get("declarativeCredentials")))
    )
    certificates = (
        "/".join(str(e.get(key) or "") for key in ("secretName", "configMapName", "certificateKey")).strip("/")
        for e in mappings_of(spec.get("trustedCertSecrets"))
    )
    yield from _repeated("trustedCertSecrets", certificates)


def _repeated(field: str, values: Iterable[Any]) -> Iterator[str]:
    for value, count in Counter(map(str, values)).items():
        if count > 1:
            yield f"spec.{field}: {value} is given {count} times; once is enough"


def _deprecated(spec: Obj) -> Iterator[str]:
    storage = mapping_of(spec.get("storageOptions"))
    for field in ("pvc", "emptyDir"):
        if field in storage:
            yield (
                f"spec.storageOptions.{field} is deprecated: use spec.storageOptions.database.{field} and "
                f"spec.storageOptions.objectStorage.{field}"
            )
    for component, policies in mapping_of(spec.get("networkPolicies")).items():
        if isinstance(policies, Mapping) and "disabled" in policies:
            path = f"spec.networkPolicies.{component}"
            yield f"{path}.disabled is deprecated: use {path}.ingressDisabled"


def _ineffective(spec: Obj) -> Iterator[str]:
    """Yield warnings about fields that have no effect because of another field."""
    storage = mapping_of(spec.get("objectStorageOptions"))
    provider = _provider(spec)
    path = "spec.objectStorageOptions"
    if not provider.get("url"):
        if storage.get("storageBucketNameOptions"):
            yield f"{path}.storageBucketNameOptions has no effect without {path}.provider.url"
        if provider.get("disablePresignedDownloads") is False:
            yield (
                f"{path}.provider.disablePresignedDownloads: false has no effect without {path}.provider.url: "
                "browsers cannot connect to the object storage of the operator"
            )
    discovery, path = mapping_of(spec.get("targetDiscoveryOptions")), "spec.targetDiscoveryOptions"
    if discovery.get("disableBuiltInDiscovery") is True:
        for field in ("discoveryPortNames", "discoveryPortNumbers"):
            if discovery.get(field):
                yield f"{path}.{field} has no effect with {path}.disableBuiltInDiscovery: true"


def _open_ports(spec: Obj) -> Iterator[str]:
    """Yield warnings about ports without a login that only a NetworkPolicy protects, and that the spec opens."""
    policies = mapping_of(spec.get("networkPolicies"))
    is_external = bool(_provider(spec).get("url"))
    for component, opened in _WITHOUT_LOGIN.items():
        config = mapping_of(policies.get(component))
        field = next((each for each in ("ingressDisabled", "disabled") if config.get(each) is True), None)
        if field and not (is_external and component == "storageConfig"):
            path = f"spec.networkPolicies.{component}.{field}"
            yield f"{path}: true lets any pod of the cluster {opened}, without a login"


def _untrusted_authorities(spec: Obj) -> Iterator[str]:
    """Yield a warning if components that download from an external S3 service possibly do not trust its certificate."""
    provider = _provider(spec)
    is_trusted = provider.get("tlsTrustAll") is True or provider.get("disablePresignedFileTransfers") is True
    if str(provider.get("url")).startswith("https:") and items_of(spec.get("trustedCertSecrets")) and not is_trusted:
        yield (
            "spec.trustedCertSecrets: only the application trusts these authorities; if one of them issued the "
            "certificate of the S3 service, set spec.objectStorageOptions.provider.disablePresignedFileTransfers: true"
        )


def _provider(spec: Obj) -> Obj:
    return mapping_of(mapping_of(spec.get("objectStorageOptions")).get("provider"))


def _unknown_values(node: Any, path: str, parent: str) -> Iterator[str]:
    """Warn about values that are not among the few values that Kubernetes knows."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _unknown_values(item, f"{path}[{index}]", parent)
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if key in USER_KEYS:
            continue
        known = _KNOWN_BELOW.get((parent, key)) or _KNOWN.get(key)
        values = value if isinstance(value, list) else [value]
        if known:
            for each in values:
                if isinstance(each, str) and each and each not in known:
                    yield f"{path}.{key}: {each} is not known to Kubernetes; {suggestion(each, known)}"
        else:
            yield from _unknown_values(value, f"{path}.{key}", key)
