"""Finds certificates that cert-manager should have renewed, while they still work."""

from __future__ import annotations

from ..instance import Instance
from ..model.kinds import Key, Obj
from ..model.messages import counted, message, quoted
from ..model.problems import Problem
from ..model.reasons import Reason
from . import specs
from .cert_manager_state import certificate_status
from .specs import NAME


def warnings(instance: Instance) -> tuple[Problem, ...]:
    """Return one warning for each renewal that failed, and one for all that are overdue."""
    failed: list[Problem] = []
    overdue: list[str] = []
    for secret, name in specs.certificate_names(instance).items():
        info = instance.snapshot.certificates.get(Key("Secret", instance.namespace, secret))
        if info is None or not certificate_status(instance, name, secret).ready:
            continue
        if cause := _failure(instance, name):
            failed.append(_failed(instance, name, cause, info.not_after))
        elif info.renewal_overdue and not _has_own_time(instance, name):
            overdue.append(name)
    return (*failed, *_overdue(instance, overdue))


def _failure(instance: Instance, name: str) -> str:
    """Return why the last attempt of a renewal failed; empty if it did not, or if another one runs."""
    live = instance.live("Certificate", name) or {}
    conditions = (live.get("status") or {}).get("conditions") or ()
    issuing: Obj = next((each for each in conditions if each.get("type") == "Issuing"), {})
    if issuing.get("status") != "False" or issuing.get("reason") == "Issued":
        return ""
    return quoted(issuing.get("message")) or str(issuing.get("reason") or "Failed")


def _has_own_time(instance: Instance, name: str) -> bool:
    """Whether another client or a policy changed when cert-manager renews a certificate."""
    spec = (instance.live("Certificate", name) or {}).get("spec") or {}
    return bool(spec.get("renewBefore") or spec.get("renewBeforePercentage"))


def _failed(instance: Instance, name: str, cause: str, not_after: str) -> Problem:
    text = message(
        f"Certificate {instance.namespace}/{name}",
        "could not be renewed",
        cause=cause,
        consequence=f"It works until {not_after}",
        remedy=f"See {_command(instance, name)}, and check cert-manager and its Issuer; cert-manager tries again by "
        "itself",
    )
    return Problem(NAME, Reason.CERTIFICATE_NOT_RENEWED, text, dedup_key=f"{Reason.CERTIFICATE_NOT_RENEWED} {name}")


def _overdue(instance: Instance, names: list[str]) -> tuple[Problem, ...]:
    if not names:
        return ()
    found = instance.snapshot.certificates
    secrets = {name: secret for secret, name in specs.certificate_names(instance).items()}
    ends = min(found[Key("Secret", instance.namespace, secrets[name])].not_after for name in names)
    several = len(names) > 1
    text = message(
        f"{counted('Certificate', names)} in namespace {instance.namespace}",
        f"{'were' if several else 'was'} not renewed when {'they were' if several else 'it was'} due",
        consequence=f"{'The first one' if several else 'It'} works until {ends}",
        remedy=f"Check that cert-manager runs, and see {_command(instance, names[0])}",
    )
    return (Problem(NAME, Reason.CERTIFICATE_NOT_RENEWED, text, dedup_key=str(Reason.CERTIFICATE_NOT_RENEWED)),)


def _command(instance: Instance, name: str) -> str:
    return f"kubectl -n {instance.namespace} describe certificate {name}"
