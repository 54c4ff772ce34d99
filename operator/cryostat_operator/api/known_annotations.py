"""The annotations of a Cryostat that have a meaning."""

from __future__ import annotations

from typing import NamedTuple

from . import constants
from .conversion import ANNOTATION as PRESERVED


class Annotation(NamedTuple):
    """An annotation of a Cryostat.

    Attributes:
        key: its key.
        is_reconciled: whether the desired state or the reconciliation depends on it. The operator keeps only these in
            memory.
    """

    key: str
    is_reconciled: bool


_TABLE = (
    Annotation(constants.ANNOTATION_PAUSE, is_reconciled=True),
    Annotation(constants.ANNOTATION_PAUSED_BY, is_reconciled=False),
    Annotation(constants.ANNOTATION_RESTORED_RELEASE, is_reconciled=False),
    Annotation(constants.ANNOTATION_HIBERNATION, is_reconciled=True),
    Annotation(constants.ANNOTATION_ALLOW_DOWNGRADE, is_reconciled=True),
    Annotation(constants.ANNOTATION_ALLOW_DATA_LOSS, is_reconciled=True),
    Annotation(constants.ANNOTATION_DATA_RETENTION, is_reconciled=True),
    Annotation(constants.ANNOTATION_ACCEPT_NAMESPACES, is_reconciled=True),
    Annotation(constants.ANNOTATION_BACKUP_SCHEDULE, is_reconciled=True),
    Annotation(constants.ANNOTATION_BACKUP_TARGET, is_reconciled=True),
    Annotation(constants.ANNOTATION_BACKUP_SECRET, is_reconciled=True),
    Annotation(PRESERVED, is_reconciled=False),
)

KNOWN: tuple[str, ...] = tuple(annotation.key for annotation in _TABLE)
"""Keys of all annotations with a meaning. Admission warns about other keys of the operator's domains."""

RECONCILED: tuple[str, ...] = tuple(annotation.key for annotation in _TABLE if annotation.is_reconciled)
"""Keys of the annotations that the reconciliation depends on."""
