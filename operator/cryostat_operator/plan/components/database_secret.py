"""The Secret with the keys of the database, and what keeps the operator from using or generating it.

Keys that an existing database was not set up with would make its data unreadable.
"""

from __future__ import annotations

from typing import Final

from .. import builders, claims, database_keys, workloads
from ..database_keys import CONNECTION_KEY, ENCRYPTION_KEY
from ..instance import Instance
from ..model.desired_state import Reference
from ..model.kinds import Key, Obj
from ..model.messages import enumeration, message
from ..model.problems import Problem
from ..model.reasons import Reason
from ..model.requests import RandomValue, SecretRequest

NAME: Final = "database"  # the component
_KEYS = frozenset(database_keys.KEYS)


def key(instance: Instance) -> Key:
    """Return the key of the Secret that the database uses."""
    return Key("Secret", instance.namespace, instance.database_secret)


def is_generated(instance: Instance) -> bool:
    """Return whether the operator generates the Secret that the database uses."""
    return instance.database_secret == instance.generated_database_secret and not instance.user_database_secret


def needs(instance: Instance) -> frozenset[Reference]:
    """Return the keys of the database: they must exist before its claim is created."""
    return frozenset({Reference("Secret", instance.database_secret, _KEYS)})


def secret(instance: Instance) -> Obj:
    """Return the generated Secret, without its values."""
    return builders.generated_secret(instance, instance.generated_database_secret) | {"immutable": True}


def request(instance: Instance) -> SecretRequest:
    """Return the values to generate. Once a claim exists, a Secret of this name without labels counts as restored."""
    keys = {CONNECTION_KEY: RandomValue(32), ENCRYPTION_KEY: RandomValue(32)}
    return SecretRequest(key(instance), keys, restore_only=_claim_exists(instance))


def why_unusable(instance: Instance) -> Problem | None:
    """Return why the Secret is neither used nor generated; None if it is."""
    return _other_values(instance) or (_lost_keys(instance) if is_generated(instance) else None)


def other_secret(instance: Instance) -> Problem | None:
    """Return the problem of a spec that names another Secret than the existing database was set up with."""
    if not instance.names_other_database_secret:
        return None
    claim = claims.claim_name(instance, NAME)
    text = message(
        f"Secret {instance.requested_database_secret}",
        "is not used",
        cause=f"PersistentVolumeClaim {claim} was set up with the keys of Secret {instance.database_secret}, which "
        "stays in use",
        remedy="Undo the change of spec.databaseOptions.secretName, or delete the claim to start over without the data",
    )
    return Problem(NAME, Reason.DATABASE_SECRET_MISMATCHED, text)


def _other_values(instance: Instance) -> Problem | None:
    """The problem of a Secret with other values than those that the data was written with."""
    if not _claim_exists(instance):
        return None
    secret, claim = instance.database_secret, claims.claim_name(instance, NAME)
    content = instance.snapshot.data.get(("Secret", secret))
    changed = database_keys.changed_keys(claims.live_claim(instance, NAME), content)
    if not changed:
        return None
    keys, database = enumeration(changed), workloads.deployment_name(instance, NAME)
    text = message(
        f"Secret {secret}",
        "does not fit the data of the database",
        cause=f"{keys} {'differs' if len(changed) == 1 else 'differ'} from what PersistentVolumeClaim {claim} was set "
        "up with",
        consequence=f"Deployments {database} and {instance.name} stay as they are, because the data could not be read",
        remedy=f"Restore the former value of {keys} in the Secret, or delete the claim to start over without the data",
    )
    return Problem(NAME, Reason.DATABASE_KEYS_MISMATCHED, text, dedup_key=f"{secret} {keys}")


def _lost_keys(instance: Instance) -> Problem | None:
    """The problem that no keys may be generated, because the claim holds data that was encrypted with others.

    The claim is created only after its keys exist (`needs`). If the claim exists and the keys do not, they were lost.
    """
    secret, claim = instance.generated_database_secret, claims.claim_name(instance, NAME)
    if not _claim_exists(instance):
        return None
    if ("Secret", secret) not in instance.snapshot.data:
        return Problem(NAME, Reason.REFERENCE_PENDING, f"Secret {secret} has not been read yet.")
    content = instance.snapshot.data["Secret", secret]
    if content is None:
        return Problem(
            NAME,
            Reason.DATABASE_SECRET_LOST,
            f"Secret {secret} does not exist, and PersistentVolumeClaim {claim} has data that only its keys can read. "
            "Restore the Secret, or delete the claim to start over without the data.",
        )
    missing = sorted(content.missing(_KEYS))
    if not missing:
        return None
    return Problem(
        NAME,
        Reason.DATABASE_KEYS_INCOMPLETE,
        f"Secret {secret} lacks {' and '.join(missing)}, and PersistentVolumeClaim {claim} has data that only the "
        "former keys can read. Restore the missing keys, or delete the claim to start over without the data.",
    )


def _claim_exists(instance: Instance) -> bool:
    return claims.uses_claim(instance, NAME) and claims.live_claim(instance, NAME) is not None
