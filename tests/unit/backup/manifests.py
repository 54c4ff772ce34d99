"""Manifests of backups."""

from __future__ import annotations

from typing import Any

from cryostat_operator.backup.manifest import CRYOSTAT, DATABASE, SECRETS, Manifest, Part, StoredObject

OBJECT = StoredObject("logs", "../a key", "objects/logs/1", {"Content-Type": "text/plain"}, {"a": "b"})


def manifest(**changes: Any) -> Manifest:
    parts = {path: Part(1, "00") for path in (CRYOSTAT, DATABASE, SECRETS, OBJECT.path)}
    fields = {
        "namespace": "here",
        "name": "sample",
        "created": "2026-01-02T03:04:05Z",
        "operator_version": "1",
        "images": {"database": "image"},
        "database_version": 16,
        "rows": {"public.a": 2},
        "buckets": ("logs",),
        "objects": (OBJECT,),
        "parts": parts,
    }
    return Manifest(**{**fields, **changes})
