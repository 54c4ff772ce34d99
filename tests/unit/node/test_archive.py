"""Images as docker-archives."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from tests.node.images.archive import File, Image, configuration, existing_layer, write_archive, write_layer


def content(path: Path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        stream = tar.extractfile(name)
        assert stream
        return stream.read()


def images(directory: Path) -> tuple[Image, Image]:
    shared = write_layer({"/bin/program": File(b"text", 0o755)}, {"/data": 0o775}, directory / "shared.tar")
    own = write_layer({"/etc/own": File(b"mine")}, {}, directory / "own.tar")
    first = Image("example.test/first:1", (shared, own), ("/bin/program", "-x"), {"B": "2", "A": "1"}, "26:0")
    return first, Image("example.test/second:1", (shared,), ("/bin/program",))


def test_a_layer_has_files_and_directories_with_their_modes(tmp_path: Path) -> None:
    first, _ = images(tmp_path)
    with tarfile.open(first.layers[0].path) as tar:
        found = {entry.name: (entry.isdir(), entry.mode, entry.uid, entry.mtime) for entry in tar}
    assert found == {"bin/program": (False, 0o755, 0, 0), "data": (True, 0o775, 0, 0)}
    assert content(first.layers[0].path, "bin/program") == b"text"


def test_the_digest_is_that_of_the_tar_file_and_is_reproducible(tmp_path: Path) -> None:
    first, _ = images(tmp_path)
    layer = first.layers[1]
    assert layer.digest == hashlib.sha256(layer.path.read_bytes()).hexdigest()
    assert existing_layer(layer.path) == layer
    again = write_layer({"/etc/own": File(b"mine")}, {}, tmp_path / "again.tar")
    assert again.digest == layer.digest


def test_the_configuration_names_program_variables_user_and_layers(tmp_path: Path) -> None:
    first, _ = images(tmp_path)
    found = configuration(first)
    assert found["config"] == {"Entrypoint": ["/bin/program", "-x"], "Env": ["A=1", "B=2"], "User": "26:0"}
    assert found["rootfs"]["diff_ids"] == [f"sha256:{layer.digest}" for layer in first.layers]


def test_an_archive_has_a_shared_layer_once_and_all_images(tmp_path: Path) -> None:
    both = images(tmp_path)
    path = write_archive(both, tmp_path / "archive.tar")
    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert len(names) == len(set(names)) == 5  # two layers, two configurations, the manifest
    manifest = json.loads(content(path, "manifest.json"))
    assert [entry["RepoTags"] for entry in manifest] == [["example.test/first:1"], ["example.test/second:1"]]
    for image, entry in zip(both, manifest, strict=True):
        assert json.loads(content(path, entry["Config"])) == configuration(image)
        assert [content(path, name) for name in entry["Layers"]] == [layer.path.read_bytes() for layer in image.layers]
