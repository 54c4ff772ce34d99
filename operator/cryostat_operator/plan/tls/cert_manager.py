"""cert-manager: the Issuers and Certificates that make it issue what is needed, and the Secrets it answers with.

Only what is written here is compared with the live objects, so that defaults of whichever release never cause a
certificate to be issued again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...api import constants
from .. import builders
from ..instance import Instance
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import KINDS, Key, Obj, key_of
from ..model.problems import Problem
from . import specs
from .specs import NAME, CertificateSpec

CA_LIFETIME = "87600h"  # ten years; certificates live for cert-manager's 90 days
_BASE_USAGES = ("digital signature", "key encipherment")


def build(instance: Instance) -> ComponentPlan:
    """The authority first: an Issuer that finds its Secret missing looks again after five seconds only."""
    issued = specs.of(instance)
    secrets = specs.secrets(instance)
    if not instance.cert_manager_served:
        problem = unavailable()
        return ComponentPlan(NAME, blocked=tuple(Blocked(_secret_key(instance, name), problem) for name in secrets))
    asked = [issuer(instance, _self_signed(instance), {"selfSigned": {}}), authority(instance)]
    signed = [issuer(instance, f"{instance.name}-ca", {"ca": {"secretName": specs.authority_secret(instance).name}})]
    signed += [certificate(instance, leaf) for leaf in issued]
    held = _not_ready(instance, f"{instance.name}-ca", specs.authority_secret(instance).name)
    first = ComponentPlan(NAME, blocked=tuple(Blocked(key_of(obj), held) for obj in signed)) if held else None
    return _with_answers(instance, asked if first else asked + signed, secrets, first or ComponentPlan(NAME))


def _with_answers(
    instance: Instance, asked: list[Obj], secrets: Mapping[str, str], part: ComponentPlan
) -> ComponentPlan:
    """What is asked of cert-manager, and the Secrets that it answers with.

    It would take what it finds in a Secret for its own, or stumble over a key of another kind: what somebody else left
    there goes before the Certificate comes.
    """
    left = {
        name: _secret_key(instance, secret)
        for secret, name in secrets.items()
        if _left_by_others(instance, secret, name)
    }
    held_up = {name: _waiting(f"Certificate {name} waits until an earlier one is gone.") for name in left}
    held_up |= {
        name: _collision(instance, secret) for secret, name in secrets.items() if _of_somebody(instance, secret, name)
    }
    objects = [obj for obj in asked if obj["kind"] != "Certificate" or obj["metadata"]["name"] not in held_up]
    blocked, delete = list(part.blocked), list(left.values())
    blocked += [Blocked(Key("Certificate", instance.namespace, name), problem) for name, problem in held_up.items()]
    answers = {}
    for secret, name in secrets.items():
        held = held_up.get(name) or _not_ready(instance, name, secret)
        if not held and _of_other_authority(instance, secret):
            delete.append(_secret_key(instance, secret))
            held = _waiting(f"Certificate {name} was signed by an authority that is gone; it is issued again.")
        if held:
            blocked.append(Blocked(_secret_key(instance, secret), held))
        else:
            answers[secret] = name
    # cert-manager looks at a Secret again after each write: it is left in peace until it has written all of them.
    complete = len(answers) == len(secrets)
    objects += [_secret(instance, secret, name, owned=complete) for secret, name in answers.items()]
    return ComponentPlan(NAME, objects=tuple(objects), blocked=tuple(blocked), delete=tuple(delete))


def _left_by_others(instance: Instance, secret: str, certificate_name: str) -> bool:
    live = instance.live("Secret", secret)
    return live is not None and _made_for(live) != certificate_name


def _of_somebody(instance: Instance, secret: str, certificate_name: str) -> bool:
    """Whether a Secret without our mark has the name, which cert-manager would overwrite without a question."""
    found = None if instance.live("Secret", secret) else instance.snapshot.data.get(("Secret", secret))
    return found is not None and found.certificate not in (None, certificate_name)


def _collision(instance: Instance, secret: str) -> Problem:
    key = _secret_key(instance, secret)
    message = f"{key} exists and was not made for this Cryostat, so it is left alone. Delete or rename it."
    return Problem(NAME, "NameCollision", message, about=str(key))


def _made_for(secret: Obj) -> str | None:
    """The Certificate that cert-manager wrote a Secret for."""
    annotations = secret["metadata"].get("annotations") or {}
    return annotations.get(constants.ANNOTATION_CERTIFICATE)


def unavailable() -> Problem:
    return Problem(
        NAME,
        "CertManagerUnavailable",
        "cert-manager is asked for but not installed. Install it, or set enableCertManager to false; "
        "without enableCertManager the operator issues certificates itself.",
    )


def _waiting(message: str) -> Problem:
    return Problem(NAME, "WaitingForCertificate", message, warning=False)


def _secret_key(instance: Instance, name: str) -> Key:
    return Key("Secret", instance.namespace, name)


def _self_signed(instance: Instance) -> str:
    return f"{instance.name}-self-signed"


def issuer(instance: Instance, name: str, spec: Obj) -> Obj:
    return builders.owned(instance, "Issuer", name) | {"spec": spec}


def authority(instance: Instance) -> Obj:
    """The instance's own authority. It keeps its key, so that what it signed stays valid when it is renewed."""
    spec = {
        "isCA": True,
        "commonName": specs.AUTHORITY_NAME,
        "duration": CA_LIFETIME,
        "privateKey": {"rotationPolicy": "Never"},
    }
    return _certificate(
        instance, f"{instance.name}-ca", specs.authority_secret(instance).name, _self_signed(instance), spec
    )


def certificate(instance: Instance, leaf: CertificateSpec) -> Obj:
    spec: dict[str, Any] = {
        "commonName": leaf.common_name,
        "dnsNames": list(leaf.dns_names),
        "usages": [*_BASE_USAGES, *leaf.usages],
    }
    if leaf.keystore:
        password = {"name": specs.keystore_secret(instance), "key": specs.KEYSTORE_PASSWORD}
        # Releases before 1.14 do not know profiles and drop the field.
        pkcs12 = {"create": True, "passwordSecretRef": password, "profile": "Modern2023"}
        spec["keystores"] = {"pkcs12": pkcs12}
    return _certificate(instance, leaf.name, leaf.secret, f"{instance.name}-ca", spec)


def _certificate(instance: Instance, name: str, secret: str, issued_by: str, spec: Obj) -> Obj:
    return builders.owned(instance, "Certificate", name) | {
        "spec": {
            **spec,
            "secretName": secret,
            # What releases would default is written out.
            "issuerRef": {"name": issued_by, "kind": "Issuer", "group": KINDS["Issuer"].group},
            # Our mark, so that the Secret is seen, and found again when it is no longer leaf.
            "secretTemplate": {"labels": instance.mark},
        }
    }


# --- answers ---


def _secret(instance: Instance, name: str, certificate_name: str, *, owned: bool) -> Obj:
    """A Secret that cert-manager wrote: its Certificate becomes its controller, so that it goes when that goes."""
    obj = builders.labeled(instance, "Secret", name, instance.namespace) | {"type": "kubernetes.io/tls"}
    if not owned:
        return obj
    live = instance.live("Certificate", certificate_name) or {"metadata": {}}
    obj["metadata"]["ownerReferences"] = [
        {
            "apiVersion": KINDS["Certificate"].api_version,
            "kind": "Certificate",
            "name": certificate_name,
            "uid": live["metadata"].get("uid", ""),
            "controller": True,
        }
    ]
    return obj


def _not_ready(instance: Instance, name: str, secret: str) -> Problem | None:
    """Why a Secret cannot be used yet, in cert-manager's words."""
    live = instance.live("Certificate", name)
    if live is None:
        return _waiting(f"Certificate {name} has been asked of cert-manager.")
    conditions = (live.get("status") or {}).get("conditions") or ()
    ready: Obj = next((c for c in conditions if c.get("type") == "Ready"), {})
    generation = live["metadata"].get("generation", 0)
    if ready.get("status") != "True" or ready.get("observedGeneration", generation) != generation:
        words = ready.get("message") or "cert-manager has not answered yet"
        return _waiting(f"Certificate {name} is not ready: {words}")
    fact, written = instance.snapshot.certificates.get(_secret_key(instance, secret)), instance.live("Secret", secret)
    complete = fact is not None and fact.keys >= {"tls.crt", "tls.key", "ca.crt"}
    if written is None or _made_for(written) != name or not complete:
        return _waiting(f"Secret {secret} of Certificate {name} is not there yet.")
    return None


def _of_other_authority(instance: Instance, secret: str) -> bool:
    """Whether a certificate was signed by an authority that has been replaced; cert-manager does not look at that."""
    known = instance.snapshot.certificates
    signer, found = known.get(specs.authority_secret(instance)), known.get(_secret_key(instance, secret))
    if signer is None or found is None or found.authority or _not_ready_authority(instance):
        return False
    return bool(found.issuer_id and signer.key_id) and found.issuer_id != signer.key_id


def _not_ready_authority(instance: Instance) -> bool:
    return _not_ready(instance, f"{instance.name}-ca", specs.authority_secret(instance).name) is not None
