"""The conditions about Secrets and ConfigMaps: those of the pods, of the database, of the login and of agents."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .components import user_login
from .database_keys import KEYS
from .instance import Instance
from .model.certificates import CERTIFICATE, PRIVATE_KEY
from .model.condition import Condition, condition
from .model.desired_state import Plan, Reference
from .model.kinds import Key
from .model.messages import all_of, counted, enumeration, message
from .model.reasons import Reason
from .tls.specs import certificate_names


def references(instance: Instance, plan: Plan) -> Condition | None:
    """Return which Secrets and ConfigMaps that the pods need do not exist; None if all do.

    Those of an Ingress are not read.
    """
    kind = "ReferencesResolved"
    needed = [each for each in plan.references if not each.optional and not _is_planned(instance, plan, each)]
    missing = [each for each in needed if _lack(plan, each)]
    if missing:
        text = all_of(_missing(instance, plan, missing))
        return condition(kind, _reason(instance, plan, missing[0]), text, good=False)
    unknown = [f"{each.kind} {each.name}" for each in needed if (each.kind, each.name) not in plan.data]
    if unknown:
        text = f"{enumeration(unknown)} {'have' if len(unknown) > 1 else 'has'} not been read yet."
        return condition(kind, Reason.REFERENCE_PENDING, text, good=None)
    return None


def _is_planned(instance: Instance, plan: Plan, reference: Reference) -> bool:
    """Whether the operator writes the object with its content, so that it is not read."""
    return reference.kind == "ConfigMap" and Key("ConfigMap", instance.namespace, reference.name) in plan.objects


def _lack(plan: Plan, reference: Reference) -> str:
    """Return what a Secret or ConfigMap lacks, as a clause; empty if it lacks nothing, or has not been read."""
    if (reference.kind, reference.name) not in plan.data:
        return ""
    content = plan.data[reference.kind, reference.name]
    if content is None:
        return "does not exist"
    missing = sorted(content.missing(reference.keys))
    return f"lacks the {counted('key', missing)}" if missing else ""


def _missing(instance: Instance, plan: Plan, references: Sequence[Reference]) -> list[str]:
    """Sentences about Secrets and ConfigMaps that the pods need: one for all that lack the same for the same cause."""
    groups: dict[tuple[str, bool, str], list[Reference]] = {}
    for each in references:
        generated = Key(each.kind, instance.namespace, each.name) in plan.requests
        groups.setdefault((_lack(plan, each), generated, _place_of_cause(instance, each)), []).append(each)
    texts = []
    for (lack, generated, place), found in groups.items():
        one = len(found) == 1
        if generated:
            other = f"The operator generates {'it' if one else 'them'}; see Ready for the cause if this lasts"
        else:
            other = f"See {place} for the cause"
        predicate = lack if one else re.sub("^does not", "do not", re.sub("^lacks", "lack", lack))
        texts.append(message(enumeration([f"{each.kind} {each.name}" for each in found]), predicate, remedy=other))
    return texts


def _place_of_cause(instance: Instance, reference: Reference) -> str:
    """The condition that has the cause for which a Secret or ConfigMap does not exist or lacks a key."""
    if reference.name == instance.database_secret:
        return "DatabaseKeysReady"
    return "TLSSetupComplete" if reference.name in certificate_names(instance) else "Ready"


def _reason(instance: Instance, plan: Plan, reference: Reference) -> Reason:
    if Key(reference.kind, instance.namespace, reference.name) in plan.requests:
        return Reason.SECRET_PENDING
    state = "KeyNotFound" if plan.data[reference.kind, reference.name] else "NotFound"
    return Reason(f"{reference.kind}{state}")


def database_keys(instance: Instance, plan: Plan) -> Condition | None:
    """Return what the Secret lacks with the keys of the database; None if it has them.

    Other problems of the keys are problems of the plan.
    """
    kind, secret = "DatabaseKeysReady", instance.database_secret
    if ("Secret", secret) not in plan.data:
        return condition(kind, Reason.REFERENCE_PENDING, f"Secret {secret} has not been read yet.", good=None)
    content = plan.data["Secret", secret]
    if content is None:
        text = f"Secret {secret} with the keys of the database"
        if Key("Secret", instance.namespace, secret) in plan.requests:
            return condition(kind, Reason.SECRET_PENDING, f"{text} has not been generated yet.", good=False)
        remedy = "Create it, or correct spec.databaseOptions.secretName."
        return condition(kind, Reason.SECRET_NOT_FOUND, f"{text} does not exist. {remedy}", good=False)
    missing = sorted(content.missing(KEYS))
    if missing:
        it = "it" if len(missing) == 1 else "them"
        text = f"Secret {secret} lacks {enumeration(missing)}. The database cannot start without {it}: add {it}."
        return condition(kind, Reason.SECRET_KEY_NOT_FOUND, text, good=False)
    return None


def authentication(instance: Instance, plan: Plan) -> Condition:
    """Return whether and how users log in. It is False, too, while the file with the logins does not exist."""
    kind, secret = "AuthenticationEnabled", instance.login_secret
    if secret and ("Secret", secret) not in plan.data:
        return condition(kind, Reason.REFERENCE_PENDING, f"Secret {secret} has not been read yet.", good=None)
    needed = next((each for each in plan.references if (each.kind, each.name) == ("Secret", secret)), None)
    if needed and (lack := _lack(plan, needed)):
        text = message(
            "The login file",
            "is missing",
            cause=f"Secret {secret} {lack} (see ReferencesResolved)",
            consequence="There is no access without a login: running pods keep the logins that they have read, and no "
            "new pod starts",
        )
        return condition(kind, _reason(instance, plan, needed), text, good=False)
    reason, text = user_login.authentication(instance)
    usable = not instance.open_access and reason != Reason.LOGIN_FILE_INVALID
    return condition(kind, reason, text, good=usable)


def agents(instance: Instance, plan: Plan) -> Condition | None:
    """Return why the agent gateway does not authenticate agents; None if it does, as `TLSSetupComplete` says."""
    kind = "AgentsAuthenticated"
    if instance.tls:
        return _unusable_gateway(instance, plan)
    disabling = [] if instance.spec.enable_cert_manager is None else ["spec.enableCertManager: false"]
    if not instance.settings.service_tls:
        disabling.append("DISABLE_SERVICE_TLS of the operator")
    remedy = f"To enable TLS, remove {enumeration(disabling)}"
    if not instance.settings.service_tls:
        remedy += ", or install cert-manager and set spec.enableCertManager: true"
    text = message(
        "TLS",
        "is disabled",
        cause="every pod of the target namespaces can use the application's API for agents, and the traffic of agents "
        "is not encrypted",
        remedy=remedy,
    )
    return condition(kind, Reason.TLS_DISABLED, text, good=False)


def _unusable_gateway(instance: Instance, plan: Plan) -> Condition | None:
    """The condition about agents while the agent gateway has no certificate that they accept; None if it has one."""
    kind, name = "AgentsAuthenticated", f"{instance.name}-agent-tls"
    if ("Secret", name) not in plan.data:
        return condition(kind, Reason.REFERENCE_PENDING, f"Secret {name} has not been read yet.", good=None)
    subject, other = f"Secret {name} with the certificate of the agent gateway", "See TLSSetupComplete for the cause"
    if lack := _lack(plan, Reference("Secret", name, frozenset({CERTIFICATE, PRIVATE_KEY}))):
        text = message(subject, lack, remedy=other)
        return condition(kind, Reason.WAITING_FOR_CERTIFICATE, text, good=False)
    certificate = instance.snapshot.certificates.get(Key("Secret", instance.namespace, name))
    if certificate and certificate.expired:
        text = message(
            f"The certificate of the agent gateway in Secret {name}",
            f"expired at {certificate.not_after}",
            consequence="Agents refuse the connection",
            remedy=other,
        )
        return condition(kind, Reason.CERTIFICATE_EXPIRED, text, good=False)
    return None
