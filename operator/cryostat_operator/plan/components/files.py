"""Volumes and mounts of the files that the spec names: certificates, templates, rules and credentials."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...api.application_options import TemplateConfigMap
from .. import builders
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj

TEMPLATES = "/opt/cryostat.d/templates.d"
RULES = "/opt/cryostat.d/rules.d"
PROBES = "/opt/cryostat.d/probes.d"
CREDENTIALS = "/opt/cryostat.d/credentials.d"


class Files(NamedTuple):
    """Volumes of the pod and mounts of the application's container."""

    volumes: list[Obj]
    mounts: list[Obj]


def volumes_and_mounts(instance: Instance, used_names: Iterable[str]) -> Files:
    """Return the volumes and mounts of all files.

    Args:
        instance: the Cryostat.
        used_names: names of the pod's other volumes.
    """
    used = set(used_names)
    files = Files([], [])
    for prefix, directory, given in (
        ("template", TEMPLATES, instance.spec.event_templates),
        ("rule", RULES, instance.spec.automated_rules),
        ("probe-template", PROBES, instance.spec.probe_templates),
    ):
        _config_maps(files, used, (prefix, directory), given or ())
    for secret in dict.fromkeys(c.secret_name for c in instance.spec.declarative_credentials or ()):
        volume = _unique_volume_name(used, secret)
        source = {"secretName": secret, "defaultMode": builders.READ_ONLY_MODE}
        files.volumes.append({"name": volume, "secret": source})
        files.mounts.append(builders.mount(volume, f"{CREDENTIALS}/{secret}"))
    return files


def _config_maps(files: Files, used: set[str], place: tuple[str, str], given: Iterable[TemplateConfigMap]) -> None:
    """Add one volume per ConfigMap, with all files that the spec names."""
    prefix, directory = place
    filenames_by_config_map: dict[str, dict[str, None]] = {}
    for file in given:
        filenames_by_config_map.setdefault(file.config_map_name, {})[file.filename] = None
    for config_map, filenames in filenames_by_config_map.items():
        volume = _unique_volume_name(used, f"{prefix}-{config_map}")
        source = {"name": config_map, "items": [builders.item(filename) for filename in filenames]}
        files.volumes.append({"name": volume, "configMap": source})
        for filename in filenames:
            path = f"{directory}/{names.file(f'{config_map}_{filename}')}"
            files.mounts.append(builders.mount(volume, path, sub_path=filename))


def _unique_volume_name(used: set[str], preferred: str) -> str:
    name = names.volume(preferred, used)
    used.add(name)
    return name
