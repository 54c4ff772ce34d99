"""Compares the keystore that cert-manager wrote for an instance with its password.

cert-manager does not create a keystore again when its password changes, and the application does not start then.

The values are in the records of both Secrets until both were compared, and only the result is kept. If one of them
changes later, the other one is read again.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..pki.keystore_mac import opens_with, value_to_compare
from ..plan.model import names
from ..plan.model.kinds import InstanceKey, Key, Obj
from .records import Record


def compare(instance_key: InstanceKey, records: Mapping[Key, Record]) -> None:
    """Compare the keystore of an instance with its password, if both are known and were not compared.

    Args:
        instance_key: the Cryostat.
        records: its objects. The values that are no longer needed are dropped.
    """
    keystore, password = _records(instance_key, records)
    if keystore is None or password is None:
        return
    if keystore.value and password.value and not _is_compared(keystore, password):
        keystore.opens_with = _digest(password), opens_with(keystore.value, password.value) is not False
    has_no_keystore = keystore.value is None and not keystore.is_partial
    if has_no_keystore or _is_compared(keystore, password):
        keystore.drop_value()
        password.drop_value()


def to_read(instance_key: InstanceKey, records: Mapping[Key, Record]) -> set[Key]:
    """Return the Secrets of an instance to read again, because the other one changed since both were compared."""
    keystore, password = _records(instance_key, records)
    if keystore is None or password is None or _is_compared(keystore, password):
        return set()
    if keystore.value is None or password.value is None:
        return set()
    secrets = zip(keys(instance_key), (keystore, password), strict=True)
    return {key for key, record in secrets if record.value == b""}


def with_other_password(instance_key: InstanceKey, records: Mapping[Key, Record]) -> Key | None:
    """Return the Secret with the keystore of an instance if its password does not open it; None if it may open it."""
    keystore, password = _records(instance_key, records)
    if keystore is None or password is None or keystore.opens_with != (_digest(password), False):
        return None
    return keys(instance_key)[0]


def has_other_password(instance_key: InstanceKey, secrets: Mapping[Key, Obj]) -> bool:
    """Return whether the keystore of an instance does not open with its password.

    Args:
        instance_key: the Cryostat.
        secrets: its Secrets, as the API server sent them.
    """
    keystore, password = (value_to_compare(secrets[key]) if key in secrets else None for key in keys(instance_key))
    return keystore is not None and password is not None and opens_with(keystore, password) is False


def keys(instance_key: InstanceKey) -> tuple[Key, Key]:
    """Return the Secrets with the keystore and with its password."""
    namespace, name = instance_key
    return Key("Secret", namespace, names.keystore(name)), Key("Secret", namespace, names.keystore_password(name))


def _records(instance_key: InstanceKey, records: Mapping[Key, Record]) -> tuple[Record | None, Record | None]:
    keystore, password = keys(instance_key)
    return records.get(keystore), records.get(password)


def _digest(secret: Record) -> str:
    return secret.data.digest if secret.data else ""


def _is_compared(keystore: Record, password: Record) -> bool:
    return keystore.opens_with is not None and keystore.opens_with[0] == _digest(password)
