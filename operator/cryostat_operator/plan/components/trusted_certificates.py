"""Volumes and the init container with the certificates of authorities that the application trusts.

The image imports one certificate per file and ignores the rest of a bundle. Where the spec names certificates, an init
container writes each certificate of them to a file of its own.
"""

from __future__ import annotations

from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from ..model.messages import message
from ..model.problems import Problem
from ..model.reasons import Reason

DEFAULT_KEY = "tls.crt"  # in a Secret
VOLUME = "cert-secrets"
SPLIT_VOLUME = "trusted-certificates"
DIRECTORY = "/truststore/operator"  # the image imports all files below /truststore
SOURCE_DIRECTORY = "/trusted-certificates"
REQUESTS = ("25m", "32Mi")
LIMITS = ("500m", "64Mi")
_NUMBER_LENGTH = 8  # characters that the script puts before the name of a file at most: `1000000-`

# Arguments: the directory with the files of the spec, the directory to write to. A file without a certificate in PEM is
# copied. Bash alone is used, because it is what the image certainly has: its entry point is a script.
SPLIT_SCRIPT = """
set -eu
declare -i count
for file in "$1"/*; do
  name="${file##*/}" target="" count=0
  while IFS= read -r line || [[ -n "$line" ]]; do
    line="${line%$'\\r'}"
    if [[ "$line" == *"-----BEGIN "*"CERTIFICATE-----"* ]]; then
      count+=1
      target="$2/$name"
      [[ $count == 1 ]] || target="$2/$count-$name"
      : > "$target"
    fi
    [[ -z "$target" ]] || printf '%s\\n' "$line" >> "$target"
    [[ "$line" != *"-----END "*"CERTIFICATE-----"* ]] || target=""
  done < "$file" 2> /dev/null
  [[ $count != 0 ]] || cat "$file" > "$2/$name"
done
""".strip()


def volumes(instance: Instance) -> list[Obj]:
    """Return the volume with all certificates, each source once, in the order of the spec, and one for their parts."""
    sources: dict[tuple[str, str, str], Obj] = {}
    for given in instance.spec.trusted_cert_secrets or ():
        if given.secret_name:
            key, kind, name = given.certificate_key or DEFAULT_KEY, "secret", given.secret_name
        else:
            key, kind, name = given.certificate_key or "service-ca.crt", "configMap", given.config_map_name or ""
        file = names.file(f"{kind.lower()}_{name}_{key}", _NUMBER_LENGTH)
        items = [builders.item(key, file)]
        sources.setdefault((kind, name, key), {kind: {"name": name, "items": items}})
    if instance.tls:
        # Not merged with a source of the spec: its file has another name.
        own = {"name": f"{instance.name}-tls", "items": [builders.item("ca.crt", f"{instance.name}-ca.crt")]}
        sources["", "", ""] = {"secret": own}
    projected = {"name": VOLUME, "projected": {"sources": list(sources.values())} if sources else {}}
    # In memory: autoscalers do not remove a node with a pod that has a volume on its disk.
    parts = {"name": SPLIT_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}
    return [projected, parts] if has_bundles(instance) else [projected]


def unusable(instance: Instance, component: str) -> tuple[Problem, ...]:
    """Return a warning for each value that the spec names as a certificate, and that is none. They block nothing.

    Args:
        component: that of the warnings.
    """
    found: dict[tuple[str, str], Problem] = {}
    for number, given in enumerate(instance.spec.trusted_cert_secrets or ()):
        key, secret = given.certificate_key or DEFAULT_KEY, given.secret_name or ""
        content = instance.snapshot.data.get(("Secret", secret))
        if not content or content.certificate_keys is None or key not in content.keys - content.certificate_keys:
            continue
        text = message(
            f"Key {key} of Secret {secret}",
            "contains no certificate",
            consequence="The application cannot trust it, and may fail to start",
            remedy=f"Set a certificate in PEM form, or correct spec.trustedCertSecrets[{number}]",
        )
        problem = Problem(component, Reason.SECRET_VALUE_INVALID, text, dedup_key=f"{secret} {key}")
        found.setdefault((secret, key), problem)
    return tuple(found.values())


def has_bundles(instance: Instance) -> bool:
    """Return whether there may be files with several certificates: if the spec names any."""
    return bool(instance.spec.trusted_cert_secrets)


def mount(instance: Instance) -> Obj:
    """Return the mount of the application's container."""
    return builders.mount(SPLIT_VOLUME if has_bundles(instance) else VOLUME, DIRECTORY)


def init_containers(instance: Instance) -> list[Obj]:
    """Return the container that splits bundles; none if the spec names no certificates."""
    if not has_bundles(instance):
        return []
    security = instance.spec.security_options
    return [
        {
            "name": f"{instance.name}-certificates",
            **workloads.image(instance, "core"),
            "command": ["/bin/bash", "-c", SPLIT_SCRIPT, "split", SOURCE_DIRECTORY, DIRECTORY],
            "volumeMounts": [
                builders.mount(VOLUME, SOURCE_DIRECTORY),
                builders.mount(SPLIT_VOLUME, DIRECTORY, read_only=False),
            ],
            "resources": builders.resources(None, REQUESTS, LIMITS),
            "securityContext": builders.container_security_context(
                security.core_security_context if security else None
            ),
        }
    ]
