"""The bundle image, built by buildah. It has no base image, so nothing is downloaded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster import binaries

BUNDLE = Path(__file__).parents[2] / "bundle"
IMAGE = "localhost/bundle:test"
CATALOG = "localhost/catalog:test"

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the engine changes its root directory, which needs root"),
    pytest.mark.skipif(not shutil.which("buildah"), reason="needs buildah; .ci/programs installs it"),
]


class Engine:
    """buildah with a separate storage."""

    def __init__(self, directory: Path) -> None:
        storage = ("--root", directory / "root", "--runroot", directory / "run", "--storage-driver", "vfs")
        self._command = ["buildah", *map(str, storage)]

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    built = Engine(tmp_path_factory.mktemp("buildah"))
    built.run("build", "--isolation", "chroot", "-f", str(BUNDLE / "bundle.Dockerfile"), "-t", IMAGE, str(BUNDLE))
    yield built
    built.run("rm", "--all")
    built.run("rmi", "--all", "--force")


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_bundle_image_has_only_the_files_of_the_bundle(engine: Engine) -> None:
    container = engine.run("from", "--pull-never", IMAGE)
    content = files(Path(engine.run("mount", container)))
    expected = {path: text for path, text in files(BUNDLE).items() if path.startswith(("manifests/", "metadata/"))}
    scorecard = {path: text for path, text in files(BUNDLE).items() if path.startswith("tests/scorecard/")}
    assert content == {**expected, **scorecard}


def test_the_labels_of_the_image_are_the_annotations_of_the_bundle(engine: Engine) -> None:
    """OLM reads the labels of an image, and the annotations of its content."""
    labels = json.loads(engine.run("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]["Labels"]
    annotations = yaml.safe_load((BUNDLE / "metadata/annotations.yaml").read_text())["annotations"]
    assert annotations.items() <= labels.items()


@pytest.fixture(scope="module")
def opm(engine: Engine) -> None:
    """The base image of the catalog, with the loader of opm as its program."""
    [base] = re.findall(r"^FROM (\S+)$", (BUNDLE / "catalog.Dockerfile").read_text(), re.MULTILINE)
    container = engine.run("from", "scratch")
    engine.run("copy", "--chmod", "755", container, str(binaries.programs("olm-check")["olm-check"]), "/bin/opm")
    engine.run("commit", container, base)


def build_catalog(engine: Engine, context: Path) -> str:
    options = ("--isolation", "chroot", "--pull-never")
    return engine.run("build", *options, "-f", str(BUNDLE / "catalog.Dockerfile"), "-t", CATALOG, str(context))


@pytest.mark.usefixtures("opm")
def test_the_catalog_image_has_the_catalog_where_olm_looks_for_it(engine: Engine) -> None:
    build_catalog(engine, BUNDLE)
    image = json.loads(engine.run("inspect", "--type", "image", CATALOG))["OCIv1"]["config"]
    directory = image["Labels"]["operators.operatorframework.io.index.configs.v1"]
    assert [image["Entrypoint"], image["Cmd"][:2]] == [["/bin/opm"], ["serve", directory]]
    container = engine.run("from", "--pull-never", CATALOG)
    content = files(Path(engine.run("mount", container)) / directory.lstrip("/"))
    assert content == files(BUNDLE / "catalog")


@pytest.mark.usefixtures("opm")
def test_the_image_of_an_unsound_catalog_is_not_built(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "catalog/cryostat-operator/catalog.yaml"
    path.parent.mkdir(parents=True)
    text = (BUNDLE / "catalog/cryostat-operator/catalog.yaml").read_text()
    path.write_text(text.replace("defaultChannel: candidate", "defaultChannel: other"))
    with pytest.raises(AssertionError, match='invalid channel "other"'):
        build_catalog(engine, tmp_path)
