"""The smallest image of a node: one static program, the pause container of pods and a server and client for tests."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

from tests.node.configuration import PAUSE_IMAGE

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """The machine's architecture in the words of images."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def write_pod_image(program: Path, archive: Path) -> Path:
    """Writes the image with this program as a docker-archive, and returns its path."""
    layer = _tar({"pod": (program.read_bytes(), 0o755)})
    configuration = {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/pod"], "User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    files = {
        "config.json": json.dumps(configuration).encode(),
        "layer.tar": layer,
        "manifest.json": json.dumps(manifest).encode(),
    }
    archive.write_bytes(_tar({name: (content, 0o644) for name, content in files.items()}))
    return archive


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return output.getvalue()
