"""Writes container images as docker-archives: a tar of layers, one configuration per image, and a manifest."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A layer as an uncompressed tar file. `digest` is the SHA-256 of the file, in hexadecimal."""

    path: Path
    digest: str


@dataclass(frozen=True)
class File:
    """A file of a layer. Its owner is root, its group 0."""

    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Image:
    """An image of shared layers.

    Attributes:
        reference: the name of the image in pods.
        layers: the layers from the lowest to the highest.
        entrypoint: the program and its first arguments.
        environment: the variables of its programs.
        user: `uid:gid` as numbers, because the kubelet cannot check `runAsNonRoot` for a name.
    """

    reference: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "1001:0"


def existing_layer(path: Path) -> Layer:
    """The layer of a tar file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return Layer(path, digest.hexdigest())


def write_layer(files: Mapping[str, File], directories: Mapping[str, int], path: Path) -> Layer:
    """Write a layer. The same content gives the same digest.

    Args:
        files: the files of the layer by their paths in the image.
        directories: the modes of further directories by their paths.
        path: the tar file to write.
    """
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, mode in sorted(directories.items()):
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for name, file in sorted(files.items()):
            _add(tar, name.lstrip("/"), file.content, file.mode)
    return existing_layer(path)


def configuration(image: Image) -> dict[str, Any]:
    """The configuration of an image, as the container runtime reads it."""
    return {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Env": [f"{name}={value}" for name, value in sorted(image.environment.items())],
            "User": image.user,
        },
        "history": [{"created_by": "tests/node/images"} for _ in image.layers],  # buildah needs one per layer
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in image.layers]},
    }


def write_archive(images: Sequence[Image], path: Path) -> Path:
    """Write all images into one docker-archive. It contains a shared layer once."""
    manifest = []
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for layer in {layer.digest: layer for image in images for layer in image.layers}.values():
            tar.add(layer.path, _layer_name(layer), filter=_anonymous)
        for image in images:
            text = json.dumps(configuration(image), sort_keys=True).encode()
            name = f"{hashlib.sha256(text).hexdigest()}.json"
            _add(tar, name, text, 0o644)
            layers = [_layer_name(layer) for layer in image.layers]
            manifest.append({"Config": name, "RepoTags": [image.reference], "Layers": layers})
        _add(tar, "manifest.json", json.dumps(manifest).encode(), 0o644)
    return path


def _layer_name(layer: Layer) -> str:
    return f"{layer.digest}.tar"


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
