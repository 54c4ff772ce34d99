"""The buckets of the application in the object storage, and their names in an external one."""

from __future__ import annotations

from .. import builders
from ..image_releases import release_of
from ..instance import Instance
from ..model.kinds import Obj

BUCKETS = ("archivedrecordings", "archivedreports", "eventtemplates", "probes", "heapdumps", "threaddumps", "logs")
# The application of 4.3 and later keeps reports about heap dumps.
HEAP_DUMP_REPORTS = "heapdumpreports"
# Buckets that the application of 4.3 and later uses, and that have no field in the spec.
WITHOUT_FIELD = ("logs", HEAP_DUMP_REPORTS)
# Names of the buckets with an external provider: variable of the application, field of the spec.
_BUCKET_NAMES = (
    ("STORAGE_BUCKETS_ARCHIVES_NAME", "archived_recordings"),
    ("CRYOSTAT_SERVICES_REPORTS_STORAGE_CACHE_NAME", "archived_reports"),
    ("STORAGE_BUCKETS_EVENT_TEMPLATES_NAME", "event_templates"),
    ("STORAGE_BUCKETS_PROBE_TEMPLATES_NAME", "jmc_agent_probe_templates"),
    ("STORAGE_BUCKETS_HEAP_DUMPS_NAME", "heap_dumps"),
    ("STORAGE_BUCKETS_THREAD_DUMPS_NAME", "thread_dumps"),
    ("STORAGE_BUCKETS_METADATA_NAME", "metadata"),
)


def created(instance: Instance) -> tuple[str, ...]:
    """Return the buckets that the managed storage creates, for the release of the application."""
    return (*BUCKETS, HEAP_DUMP_REPORTS) if _uses_buckets_without_field(instance) else BUCKETS


def name_environment(instance: Instance) -> list[Obj]:
    """Return the variables of the application with the names of buckets that the spec sets."""
    options = instance.spec.object_storage_options
    names = options.storage_bucket_name_options if options else None
    named = [(variable, getattr(names, field, None)) for variable, field in _BUCKET_NAMES]
    return [builders.env(variable, builders.escape_expansion(value)) for variable, value in named if value is not None]


def missing_name_warning(instance: Instance) -> str:
    """Return a warning for the author of a spec that names the buckets of an external storage, but cannot name all.

    The warning is empty if the release of the application uses no other buckets. There is no condition, because the
    operator cannot observe whether the buckets exist.
    """
    options = instance.spec.object_storage_options
    if not options or not options.storage_bucket_name_options or not instance.external_storage:
        return ""
    if not _uses_buckets_without_field(instance):
        return ""
    return (
        f"spec.objectStorageOptions.storageBucketNameOptions: the application also uses the buckets "
        f"{' and '.join(WITHOUT_FIELD)}, for whose names there is no field; create them if the account of the "
        f"application may not create buckets"
    )


def _uses_buckets_without_field(instance: Instance) -> bool:
    release = release_of(instance.image("core").reference)
    return release is not None and release >= (4, 3)
