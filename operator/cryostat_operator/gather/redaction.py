"""Removes values that may be credentials from objects and logs, before they are written into an archive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..api import constants
from ..plan.model.kinds import Obj

REMOVED = "<removed>"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_WORDS = (
    r"password|passphrase|passwd|pwd|secret|token|credential|cookie|authorization|signature"
    r"|(?:api|access|private|encryption|connection)[-_]?key"
)
# A value that is quoted, quoted in a JSON string, or one word. A text that is cut off has no second quotation mark.
_VALUE = r"""(?:"(?:[^"\\\n]|\\.)*"?|\\+"[^"\n]*"?|'[^'\n]*'?|[^\s"]+)"""
# Each group 1 is kept, the rest of the match is removed. Other users write these texts: the time must be linear in the
# length, so nothing of unlimited length is matched that may begin anywhere in a word.
_PATTERNS = (
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(\bauthorization\"?[=:] ?\"?)[^\n\"]+", re.IGNORECASE),
    re.compile(r"(\b(?:set-)?cookie\"?[=:] ?\"?)[^\n\"]+", re.IGNORECASE),
    re.compile(r"(\bx-cryostat-(?:agent|user-proxy)-auth(?:\"?[=:] ?\"?| \"))[^\s\"]+", re.IGNORECASE),
    re.compile(r"(\b(?:bearer|basic) )[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    re.compile(rf"((?:{_WORDS})[\w.-]{{0,128}}\\{{0,8}}[\"']?\s{{0,32}}[=:]\s{{0,32}}){_VALUE}", re.IGNORECASE),
    re.compile(rf"((?:\b|_)pass\\{{0,8}}[\"']?\s{{0,32}}[=:]\s{{0,32}}){_VALUE}", re.IGNORECASE),
    re.compile(r"(://)[^/\s@]+@"),
    re.compile(r"()(?<![^\s:\"])[^\s:\"]+:(?:\$2[abxy]\$|\$apr1\$|\{SHA\}|\$[56]\$)[^\s\"]+"),
)
_CREDENTIAL = re.compile(_WORDS, re.IGNORECASE)
_OWN_DOMAINS = (f"{constants.GROUP}/", "io.cryostat/")  # hashes, and names of Secrets
_TOKEN_CHARACTERS = re.compile(r"[A-Za-z0-9_.-]{12,}")


def redact_text(text: str) -> str:
    """Return a text without what looks like a credential: key, token, password, htpasswd line, user info of a URL."""
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: f"{match[1]}{REMOVED}", text)
    return _TOKEN_CHARACTERS.sub(_without_web_token, text)


def _without_web_token(match: re.Match[str]) -> str:
    """Return a run of characters up to what may be a JSON Web Token: `eyJ`, later a dot."""
    before, begin, rest = match[0].partition("eyJ")
    return f"{before}{REMOVED}" if begin and "." in rest[8:] else match[0]


def redact(obj: Obj) -> Obj:
    """Return a copy of an object without values of Secrets and environment variables, and with redacted texts.

    Names of keys and variables stay, to show which exist. `managedFields` and the annotation of `kubectl apply` are
    left out, because they repeat the object.
    """
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _LAST_APPLIED}
    if obj.get("kind") == "Secret":
        annotations = dict.fromkeys(annotations, REMOVED)
        kept: Obj = {key: obj[key] for key in ("apiVersion", "kind", "type", "immutable") if key in obj}
        fields = {key: dict.fromkeys(obj[key], REMOVED) for key in ("data", "stringData") if obj.get(key)}
        return {**kept, "metadata": _redacted({**metadata, "annotations": annotations}), **fields}
    if annotations or "annotations" in metadata:
        metadata["annotations"] = _without_credentials(annotations)
    changed: Obj = {**obj, "metadata": metadata}
    if obj.get("kind") == "ConfigMap":
        changed |= {"data": _without_credentials(obj.get("data") or {})} if "data" in obj else {}
        changed |= {"binaryData": dict.fromkeys(obj["binaryData"], REMOVED)} if obj.get("binaryData") else {}
    return dict(_redacted(changed))


def _without_credentials(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Annotations, or data of a ConfigMap, without the values whose key says that they are credentials."""
    return {
        key: REMOVED if _CREDENTIAL.search(key) and not key.startswith(_OWN_DOMAINS) else value
        for key, value in entries.items()
    }


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _variables(each) if key == "env" else _redacted(each) for key, each in value.items()}
    return value


def _variables(variables: Any) -> Any:
    if not isinstance(variables, list):
        return _redacted(variables)
    return [
        {**_redacted(each), "value": REMOVED} if isinstance(each, Mapping) and "value" in each else _redacted(each)
        for each in variables
    ]
