"""The init container that splits bundles of certificates, run with Bash."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cryostat_operator.plan.components.trusted_certificates import SPLIT_SCRIPT


def pem(name: str, kind: str = "CERTIFICATE") -> str:
    return f"-----BEGIN {kind}-----\n{name}\n-----END {kind}-----\n"


def split(directory: Path, **files: bytes) -> dict[str, bytes]:
    """Run the script as the container does. Returns the files that it writes."""
    source, target = directory / "source", directory / "target"
    for each in (source, target):
        each.mkdir()
    data = source / "..2026"  # files of a projected volume are links to another directory
    data.mkdir()
    for name, content in files.items():
        (data / name).write_bytes(content)
        (source / name).symlink_to(f"..2026/{name}")
    command = ["/bin/bash", "-c", SPLIT_SCRIPT, "split", str(source), str(target)]
    subprocess.run(command, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"}, timeout=60)
    return {path.name: path.read_bytes() for path in target.iterdir()}


def test_each_certificate_of_a_bundle_has_a_file(tmp_path: Path) -> None:
    bundle = "# first\n" + pem("one") + "\nsecond:\n" + pem("two") + pem("three")
    assert split(tmp_path, ca=bundle.encode()) == {
        "ca": pem("one").encode(),
        "2-ca": pem("two").encode(),
        "3-ca": pem("three").encode(),
    }


def test_a_single_certificate_keeps_the_name_of_its_file(tmp_path: Path) -> None:
    assert split(tmp_path, a=pem("one").encode(), b=pem("two").encode()) == {
        "a": pem("one").encode(),
        "b": pem("two").encode(),
    }


@pytest.mark.parametrize(
    "content",
    [
        pem("one").replace("\n", "\r\n"),  # edited on Windows
        pem("one").rstrip("\n"),  # without a newline at the end
        pem("key", "PRIVATE KEY") + pem("one"),  # a key is not copied
    ],
)
def test_bundles_with_other_formatting_are_split(tmp_path: Path, content: str) -> None:
    assert split(tmp_path, a=content.encode()) == {"a": pem("one").encode()}


def test_trusted_certificates_of_openssl_are_split_too(tmp_path: Path) -> None:
    kind = "TRUSTED CERTIFICATE"
    bundle = pem("one", kind) + pem("two", kind)
    assert split(tmp_path, a=bundle.encode()) == {"a": pem("one", kind).encode(), "2-a": pem("two", kind).encode()}


def test_a_binary_certificate_is_copied(tmp_path: Path) -> None:
    der = bytes([0x30, 0x82, 0, 1, 0, 0xFF, 10, 13, 0])
    assert split(tmp_path, a=der) == {"a": der}


def test_a_large_bundle_is_split(tmp_path: Path) -> None:
    bundle = "".join(pem(f"{number}\n" * 25) for number in range(150))
    assert len(split(tmp_path, a=bundle.encode())) == 150
