"""Files that users bring for the application: certificates, templates, rules and credentials, as volumes and mounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...api.application_options import TemplateConfigMap
from .. import builders
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj

CERTIFICATES_VOLUME = "cert-secrets"
CERTIFICATES_DIRECTORY = "/truststore/operator"
TEMPLATES = "/opt/cryostat.d/templates.d"
RULES = "/opt/cryostat.d/rules.d"
PROBES = "/opt/cryostat.d/probes.d"
CREDENTIALS = "/opt/cryostat.d/credentials.d"


class Files(NamedTuple):
    """Volumes of the pod and mounts of the application's container."""

    volumes: list[Obj]
    mounts: list[Obj]


def certificates(instance: Instance) -> Obj:
    """One volume with all certificates to trust, each once."""
    sources = []
    for given in instance.spec.trusted_cert_secrets or ():
        if given.secret_name:
            key, kind, name = given.certificate_key or "tls.crt", "secret", given.secret_name
        else:
            key, kind, name = given.certificate_key or "service-ca.crt", "configMap", given.config_map_name or ""
        sources.append({kind: {"name": name, "items": [builders.item(key, f"{kind.lower()}_{name}_{key}")]}})
    if instance.tls:
        sources.append(
            {"secret": {"name": f"{instance.name}-tls", "items": [builders.item("ca.crt", f"{instance.name}-ca.crt")]}}
        )
    distinct = [source for index, source in enumerate(sources) if source not in sources[:index]]
    return {"name": CERTIFICATES_VOLUME, "projected": {"sources": distinct} if distinct else {}}


def draw(instance: Instance, taken: Iterable[str]) -> Files:
    """Volumes and mounts of all files; `taken` are the names of the pod's other volumes."""
    used = set(taken)
    files = Files([], [])
    for prefix, directory, given in (
        ("template", TEMPLATES, instance.spec.event_templates),
        ("rule", RULES, instance.spec.automated_rules),
        ("probe-template", PROBES, instance.spec.probe_templates),
    ):
        _config_maps(files, used, (prefix, directory), given or ())
    for secret in dict.fromkeys(c.secret_name for c in instance.spec.declarative_credentials or ()):
        volume = _claim(used, secret)
        source = {"secretName": secret, "defaultMode": builders.READ_ONLY_MODE}
        files.volumes.append({"name": volume, "secret": source})
        files.mounts.append(builders.mount(volume, f"{CREDENTIALS}/{secret}"))
    return files


def _config_maps(files: Files, used: set[str], place: tuple[str, str], given: Iterable[TemplateConfigMap]) -> None:
    """One volume per ConfigMap, with all files that are wanted of it."""
    prefix, directory = place
    wanted: dict[str, dict[str, None]] = {}
    for file in given:
        wanted.setdefault(file.config_map_name, {})[file.filename] = None
    for config_map, filenames in wanted.items():
        volume = _claim(used, f"{prefix}-{config_map}")
        source = {"name": config_map, "items": [builders.item(filename) for filename in filenames]}
        files.volumes.append({"name": volume, "configMap": source})
        for filename in filenames:
            path = f"{directory}/{config_map}_{filename}"
            files.mounts.append(builders.mount(volume, path, sub_path=filename))


def _claim(used: set[str], wanted: str) -> str:
    name = names.volume(wanted, used)
    used.add(name)
    return name
