"""Builds messages of conditions and events: subject, cause, consequence and remedy in one or two sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_READ = 4096  # characters of a text that are read; the kubelet keeps no more of what a container wrote
MAX_QUOTE = 500  # characters of a quote from the cluster; a status is read in full on each `kubectl get -o yaml`

# Parts of messages of the cluster that vary without a consequence, or that repeat the subject.
_LEFT_OUT = (
    re.compile(r"(?i)^back-off \S+ restarting failed container.*$"),
    re.compile(r'(?i)^back-off pulling image "[^"]*"(: )?'),
    re.compile(r"^(ErrImagePull|ImagePullBackOff): "),
    re.compile(r"rpc error: code = \w+ desc = "),
    re.compile(r"; please apply your changes to the latest version and try again"),
    re.compile(r'failed to pull and unpack image "[^"]*": '),
    re.compile(r'failed to resolve reference "[^"]*": '),
    re.compile(r"failed to resolve image: "),
    re.compile(r"(?i)^failed to pull image(?: \"[^\"]*\")?: "),
    re.compile(r"Error response from daemon: "),
    re.compile(r"failed to create (containerd|shim) task: "),
    re.compile(r"OCI runtime create failed: |runc create failed: |unable to start container process: "),
    re.compile(r'^Failed to create new replica set "[^"]*": '),
    # The API server explains the expected form in words before it.
    re.compile(r" \(e\.g\. [^()]*, regex used for validation is '(?:[^'\s]|'(?!\)))*'\)"),
    re.compile(r"^The certificate request has failed to complete and will be retried: "),
    re.compile(r": unknown$"),  # of a gRPC error of containerd
    re.compile(r'^[\w.-]+( "[^"]*")? is (forbidden|invalid): '),
    re.compile(r' \(pod: "[^"]*"(, container: [^)]*)?\)'),
    re.compile(r"\.? ?preemption: .*$"),
    re.compile(r"\.? ?no new claims to deallocate,?"),
    re.compile(r" ?\bpod=\S+"),
    re.compile(r"(?<=://)[^/\s@]+@|(?<=[^\s?])\?(?!\))[^\s\"]+?(?=:?[\s\"]|$)"),  # login and query of a URL
    re.compile(r"(?<=current time) \S+(?= is (?:before|after) )"),  # about a certificate; it differs at each attempt
    re.compile(r"(?<=(?:tcp|udp) )\S+->"),  # address and port of a client: they differ at each attempt
    re.compile(r" ?\(?\b(?<!pvc-)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b\)?"),  # a UID, but no name of a volume
    # The sandbox of a pod, which differs at each attempt; not the digest of an image, nor a part of an object's name.
    re.compile(r' ?"?\b(?<![:-])[0-9a-f]{64}\b"?'),
)
_CREDENTIALS = re.compile(
    r"""(?ix)
    (?:passw|passphrase|secret|token|credential|\bkey|api[-_]?key|access[-_]?key|authorization)[^\s:=]*["']?\s*[:=]\s*\S
    | \b(?:bearer|basic)\s+\S{6}
    | ://[^/\s:@]+:[^@\s]+@
    | -----BEGIN
    | \b(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[A-Za-z])[\w+/=-]{20,}
    """
)
# Less than `_CREDENTIALS`: names of volumes are long words with digits, and `secret "x" not found` is no credential.
_PASSWORDS = re.compile(
    r"""(?ix)
    (?:passw|passphrase)[\w-]{0,40}\\?["']?[:=]\s*\S
    | \bpass=\s*\S
    | (?:secret|token|key|credential|authorization|pwd)[\w-]{0,40}["']?=\s*\S
    | (?:secret|token|key|credential|authorization|pwd)[\w-]{0,40}\\?["']\s*:\s*\\?["']
    | \b(?:bearer|basic)\s+\S{6}
    | ://[^/\s:@]+:[^@\s]+@
    | -----BEGIN
    """
)


def message(subject: str, predicate: str, *, cause: str = "", consequence: str = "", remedy: str = "") -> str:
    """Return one or two sentences: what is wrong with an object and why, then what follows from it and what to do.

    Args:
        subject: kind and name of the object, such as `Deployment x-database`.
        predicate: what is wrong with it, such as `is not ready`.
        cause: why, quoted where the cluster said it.
        consequence: a sentence; empty if the cause says enough.
        remedy: a sentence in the imperative; empty if there is nothing to do.
    """
    first = f"{subject} {predicate}: {cause}" if cause else f"{subject} {predicate}"
    return " ".join(f"{sentence.rstrip('. ')}." for sentence in (first, consequence, remedy) if sentence)


def first_and_more(messages: Sequence[str]) -> str:
    """Return the first of several messages whole, and how many others there are."""
    distinct = list(dict.fromkeys(messages))
    if len(distinct) < 2:
        return "".join(distinct)
    return f"{distinct[0].rstrip('. ')} (and {len(distinct) - 1} more)."


def enumeration(parts: Sequence[str], word: str = "and") -> str:
    """Return parts of a sentence as one, such as `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def first_parts(parts: Sequence[str], most: int = 1, noun: str = "") -> str:
    """Return the first parts of a sentence, and how many others there are, such as `a and 2 more`.

    Args:
        parts: all of them.
        most: how many are named.
        noun: what the others are, in the plural; empty if the sentence says it.
    """
    others = [f"{len(parts) - most} more {noun}".rstrip()] if len(parts) > most else []
    return enumeration([*parts[:most], *others])


def counted(noun: str, names: Sequence[str]) -> str:
    """Return names after a noun in its singular or plural, such as `finalizer a` or `finalizers a and b`."""
    return f"{noun}{'s' if len(names) > 1 else ''} {enumeration(names)}"


def capitalized(clause: str) -> str:
    """Return a clause with a capital at its beginning, as the first one of a sentence."""
    return f"{clause[:1].upper()}{clause[1:]}"


def all_of(messages: Sequence[str]) -> str:
    """Return several messages as sentences, each of them once."""
    distinct = list(dict.fromkeys(messages))
    if len(distinct) < 2:
        return "".join(distinct)
    return " ".join(f"{each.rstrip('. ')}." for each in distinct)


def quoted(text: str | None) -> str:
    """Return a text of the cluster in one line without pod names, UIDs and back-off times, at most `MAX_QUOTE` long."""
    result = " ".join((text or "")[:MAX_READ].split())
    for pattern in _LEFT_OUT:
        result = pattern.sub("", result)
    result = result.strip(" .")
    return result if len(result) <= MAX_QUOTE else f"{result[: MAX_QUOTE - 1].rstrip()}…"


def termination_message(text: str | None) -> str:
    """Return the termination message of a container, or an empty text if the message may contain a credential.

    A container may write any text to this message. Passwords in plain words cannot be recognized, so everything that
    has the form `password: …`, and every long word with digits, counts as one.
    """
    read = (text or "")[:MAX_READ]
    return "" if _CREDENTIALS.search(read) else quoted(read)


def may_have_password(text: str) -> bool:
    """Return whether the text of an event may contain a password, for example in the options of a mount."""
    return bool(_PASSWORDS.search(text[:MAX_READ]))
