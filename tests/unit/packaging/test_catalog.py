"""The catalog of OLM: package, channel and bundle have the names and texts of the ClusterServiceVersion."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryostat_operator.api import constants, v1beta1
from cryostat_operator.packaging import catalog
from cryostat_operator.packaging.clusterserviceversion import VERSION, clusterserviceversion
from cryostat_operator.plan.model.kinds import Obj

ROOT = Path(__file__).parents[3] / "bundle"


@pytest.fixture(scope="module")
def objects() -> list[Obj]:
    text = catalog.catalog()["catalog/cryostat-operator/catalog.yaml"]
    return list(yaml.safe_load_all(text))


def properties(entry: Obj, kind: str) -> list[Any]:
    return [each["value"] for each in entry["properties"] if each["type"] == kind]


def test_the_catalog_has_the_texts_of_the_bundle(objects: list[Obj]) -> None:
    package, channel, entry = objects
    csv = clusterserviceversion()
    annotations = yaml.safe_load((ROOT / "metadata/annotations.yaml").read_text())["annotations"]
    assert package["defaultChannel"] == annotations["operators.operatorframework.io.bundle.channel.default.v1"]
    assert channel["entries"] == [{"name": csv["metadata"]["name"]}]
    [presented] = properties(entry, "olm.csv.metadata")
    assert presented["annotations"] == csv["metadata"]["annotations"]
    assert presented["crdDescriptions"] == csv["spec"]["customresourcedefinitions"]
    assert [each["image"] for each in entry["relatedImages"][1:]] == [
        each["image"] for each in csv["spec"]["relatedImages"]
    ]


def test_package_channel_and_bundle_refer_to_each_other(objects: list[Obj]) -> None:
    package, channel, entry = objects
    assert [each["schema"] for each in objects] == ["olm.package", "olm.channel", "olm.bundle"]
    assert {channel["package"], entry["package"]} == {package["name"]}
    assert package["defaultChannel"] == channel["name"]
    assert [each["name"] for each in channel["entries"]] == [entry["name"]]
    assert entry["relatedImages"][0]["image"] == entry["image"]
    assert properties(entry, "olm.package") == [{"packageName": package["name"], "version": VERSION}]


def test_the_bundle_provides_both_versions_of_the_api(objects: list[Obj]) -> None:
    provided = properties(objects[2], "olm.gvk")
    assert {(each["group"], each["kind"]) for each in provided} == {(constants.GROUP, constants.KIND)}
    assert [each["version"] for each in provided] == [v1beta1.VERSION, constants.VERSION]


def test_the_image_serves_the_folder_that_it_copies() -> None:
    lines = catalog.dockerfile().splitlines()
    [source, target] = next(line for line in lines if line.startswith("COPY ")).split()[1:]
    assert source == "catalog"
    assert all(f'"{target}"' in line for line in lines if re.match("CMD|RUN", line))
    [label] = [line for line in lines if line.startswith("LABEL ")]
    assert label == f"LABEL operators.operatorframework.io.index.configs.v1={target}"
