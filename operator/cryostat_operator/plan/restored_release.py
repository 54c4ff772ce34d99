"""Whether the data of a backup can be restored into an instance with other releases of its programs."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import constants
from ..settings import Settings
from .image_releases import release_text
from .model.kinds import Obj
from .upgrades import Versions, parse_record, versions


def restore_refusal(saved: Versions, running: Versions) -> str:
    """Return why data must not be restored into older programs; empty if it may be.

    Args:
        saved: the versions that used the data. One that is not known is not compared.
        running: the versions that would use it.
    """
    if saved.postgresql and running.postgresql and running.postgresql < saved.postgresql:
        return (
            f"The backup was made with PostgreSQL {saved.postgresql}, and the target runs PostgreSQL "
            f"{running.postgresql}. Restore into an instance whose database image has the same version or a newer one."
        )
    if saved.cryostat and running.cryostat and running.cryostat < saved.cryostat:
        release = release_text(saved.cryostat)
        return (
            f"The backup was made with Cryostat {release}, and the target runs Cryostat "
            f"{release_text(running.cryostat)}, which may fail to read its data. Restore with an operator for Cryostat "
            f"{release} or later, or confirm with --allow-downgrade."
        )
    return ""


def created_refusal(cryostat: Obj, settings: Settings) -> str:
    """Return why a Cryostat must not be created for the data of a backup; empty if it may be.

    The command `restore` records the versions of the backup in an annotation, because only the operator knows the
    images that it will deploy.
    """
    annotations = cryostat.get("metadata", {}).get("annotations")
    text = annotations.get(constants.ANNOTATION_RESTORED_RELEASE) if isinstance(annotations, Mapping) else None
    if not isinstance(text, str):
        return ""
    images = settings.images
    return restore_refusal(parse_record(text), versions(images["core"].reference, images["database"].reference))
