"""`make upstream`: the names from checkouts, and the reported differences, with small trees as checkouts."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.upstream import __main__ as command
from tests.upstream import checkouts, comparison, tables
from tests.upstream.comparison import COMPARISONS, Comparison, Difference, compare, read_accepted


def write(root: Path, path: str, content: Any) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return root


def test_fields_of_a_crd(tmp_path: Path) -> None:
    spec = {
        "properties": {
            "list": {"items": {"properties": {"name": {"type": "string"}}}},
            "map": {"additionalProperties": {"type": "string"}},
        }
    }
    schema = {"properties": {"spec": spec, "metadata": {"properties": {"name": {}}}}}
    versions = [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]
    write(tmp_path, checkouts.CRD, {"spec": {"versions": versions}})
    paths = {"spec", "spec.list", "spec.list[]", "spec.list[].name", "spec.map", "spec.map.*"}
    assert checkouts.crd_fields(tmp_path) == {f"v1 {path}" for path in paths}


def test_variables_of_operands(tmp_path: Path) -> None:
    write(tmp_path, f"{checkouts.DEFINITIONS}/a.go", 'x := {\n\tName:  "QUARKUS_HTTP_PORT",\n}\ny := V{Name: "volume"}')
    write(tmp_path, f"{checkouts.DEFINITIONS}/a_test.go", 'Name: "ONLY_TESTED"')
    write(tmp_path, f"{checkouts.INJECTION}/pod.go", '{Name: "CRYOSTAT_AGENT_APP_NAME"}')
    write(tmp_path, f"{checkouts.INJECTION}/test/pod.go", '{Name: "ONLY_TESTED"}')
    assert checkouts.operand_variables(tmp_path) == {"QUARKUS_HTTP_PORT", "CRYOSTAT_AGENT_APP_NAME"}


def test_images(tmp_path: Path) -> None:
    env = [
        {"name": "RELATED_IMAGE_CORE", "value": "quay.io:443/a/core:4.2.0"},
        {"name": "RELATED_IMAGE_STORAGE", "value": "quay.io/a/storage:latest"},
        {"name": "RELATED_IMAGE_PROXY", "value": "quay.io/a/proxy@sha256:0a"},
        {"name": "OTHER", "value": "quay.io/a/other:1"},
    ]
    write(tmp_path, checkouts.IMAGES, {"spec": {"template": {"spec": {"containers": [{"env": env}]}}}})
    assert checkouts.images(tmp_path) == {
        "RELATED_IMAGE_CORE quay.io:443/a/core",
        "RELATED_IMAGE_CORE 4.2.0",
        "RELATED_IMAGE_STORAGE quay.io/a/storage",
        "RELATED_IMAGE_PROXY quay.io/a/proxy",
    }


def test_variables_of_the_application(tmp_path: Path) -> None:
    write(tmp_path, checkouts.APPLICATION_PROPERTIES, "quarkus.http.port=1\ncryostat.a-b.c=2\n# cryostat.not = 3\n")
    write(tmp_path, checkouts.ENTRY_SCRIPT, 'cat "${SSL_KEYSTORE_PASS_FILE:-x}"')
    code = 'x("storage.bucket.name"); x("some text"); System.getenv("INSIGHTS_PROXY"); y("cryostat");'
    write(tmp_path, f"{checkouts.JAVA}/io/A.java", code)
    names = {"CRYOSTAT_A_B_C", "SSL_KEYSTORE_PASS_FILE", "STORAGE_BUCKET_NAME", "INSIGHTS_PROXY"}
    assert checkouts.application_variables(tmp_path) == names


def test_variables_of_the_agent(tmp_path: Path) -> None:
    code = 'String A =\n    "cryostat.agent.webclient.tls.version";\nString B = "other.name";'
    write(tmp_path, checkouts.AGENT_CONFIGURATION, code)
    assert checkouts.agent_variables(tmp_path) == {"CRYOSTAT_AGENT_WEBCLIENT_TLS_VERSION"}


def test_requests_of_the_agent(tmp_path: Path) -> None:
    code = """
    String ROOT = "/api/v4/discovery";
    new HttpGet(baseUri.resolve("/health"));
    new HttpDelete(
        baseUri.resolve(ROOT + "/" + info.getId()));
    return post(baseUri.resolve(ROOT), body);
    """
    write(tmp_path, checkouts.AGENT_CLIENT, code)
    assert checkouts.agent_requests(tmp_path) == {
        "GET /health",
        "DELETE /api/v4/discovery/{}",
        "/api/v4/discovery",
    }


@pytest.mark.parametrize(
    ("request_text", "covered"),
    [
        ("GET /health", True),
        ("POST /health", False),
        ("/api/v4.3/discovery/agents", True),
        ("DELETE /api/v4/discovery/{}", True),
        ("GET /api/v4/credentials/{}", True),
        ("POST /api/v5/discovery", False),
    ],
)
def test_the_gateway_passes_a_request_on(request_text: str, covered: bool) -> None:
    assert tables.covers_request(request_text) is covered


def test_current_requests_are_in_the_form_of_a_checkout() -> None:
    assert {"DELETE /api/v4/discovery/{}", "POST /api/v4.3/discovery/agents"} <= tables.current_requests()
    assert "POST /api/v4/credentials" not in tables.current_requests()


def test_the_page_names_the_last_compared_commit_of_each_repository() -> None:
    page = (Path(__file__).parents[2] / "docs/release.md").read_text()
    rows = re.findall(r"^\| (cryostatio/\S+) \| [0-9a-f]{7} \| \d{4}-\d\d-\d\d \|$", page, re.MULTILINE)
    assert rows == list(command.REPOSITORIES.values())
    variables = re.search(r"^make upstream (.+)$", page, re.MULTILINE)
    assert variables
    assert re.findall(r"([A-Z]+)=", variables[1]) == [name.upper() for name in command.REPOSITORIES]


def test_names_of_this_operator() -> None:
    assert "v1beta2 spec.targetNamespaces[]" in tables.crd_fields()
    assert "RELATED_IMAGE_AGENT_PROXY registry.access.redhat.com/ubi9/nginx-124" in tables.images()
    assert {"CRYOSTAT_AGENT_HARVESTER_TEMPLATE", "CRYOSTAT_AGENT_WEBCLIENT_TLS_VERSION"} <= tables.injected_variables()
    assert "core.image" in tables.chart_rules()


def test_values_of_the_chart_without_a_rule() -> None:
    values = {"core": {"image": {"tag": "1"}, "new": {}}, "other": 1, "podAnnotations": {}}
    assert tables.unknown_values(values) == {"core.new", "other"}


def fixed(new: set[str], gone: set[str]) -> Comparison:
    return Comparison("images", "operator", new=lambda _: new, gone=lambda _: gone)


def test_accepted_differences_are_not_reported(tmp_path: Path) -> None:
    accepted = {"images": {"new": ("a",), "gone": ("x*", "unused")}}
    found = compare(fixed({"a", "b"}, {"x1", "y"}), tmp_path, accepted)
    assert found == Difference("images", new=("b",), gone=("y",), unused=("unused",))
    assert list(found.lines()) == [
        "new    images: b (in the checkout, not in this operator)",
        "gone   images: y (in this operator, not in the checkout)",
        "unused images: unused (accepted in accepted.yaml, but it is no difference any more)",
    ]


def test_tags_are_compared_with_a_release_only(tmp_path: Path) -> None:
    [images] = [each for each in COMPARISONS if each.title == "images"]
    for tag, expected in (("latest", False), ("9.9.9", True)):
        env = [{"name": "RELATED_IMAGE_CORE", "value": f"quay.io/cryostat/cryostat:{tag}"}]
        write(tmp_path, checkouts.IMAGES, {"spec": {"template": {"spec": {"containers": [{"env": env}]}}}})
        found = compare(images, tmp_path, {})
        assert ("RELATED_IMAGE_CORE 9.9.9" in found.new) is expected
        assert any(name.startswith("RELATED_IMAGE_CORE ") for name in found.gone) is expected


HERE = {
    "CRD fields": tables.crd_fields,
    "variables of operands": tables.operand_variables,
    "variables of the application": tables.application_variables,
    "variables of the agent": tables.injected_variables,
}


def test_accepted_differences_are_those_of_this_operator() -> None:
    """What a checkout alone has is unknown here, and what it lacks is known here."""
    accepted = read_accepted()
    assert set(accepted) <= set(HERE)
    for title, directions in accepted.items():
        known = HERE[title]()
        assert [name for name in directions.get("new", ()) if name in known] == [], title
        assert [each for each in directions.get("gone", ()) if not fnmatch.filter(known, each)] == [], title


def test_the_list_of_accepted_differences_is_valid() -> None:
    names = [name for directions in read_accepted().values() for name in directions.get("new", ())]
    assert names
    assert [name for name in names if "*" in name] == []  # a pattern would hide names that are added later


@pytest.mark.parametrize(
    "content",
    [
        {"no comparison": {"new": [{"reason": "r", "names": ["a"]}]}},
        {"images": {"other": []}},
        {"images": {"new": [{"reason": "", "names": ["a"]}]}},
        {"images": {"new": [{"names": ["a"]}]}},
    ],
)
def test_an_invalid_list_of_accepted_differences_is_refused(content: Any, tmp_path: Path) -> None:
    write(tmp_path, "accepted.yaml", content)
    with pytest.raises(ValueError, match=r"accepted\.yaml"):
        read_accepted(tmp_path / "accepted.yaml")


@pytest.fixture
def only_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def new(root: Path) -> set[str]:
        return set(checkouts._read(root, "names").split())

    only = (Comparison("images", "operator", new=new, gone=lambda _: set()),)
    monkeypatch.setattr(comparison, "COMPARISONS", only)
    monkeypatch.setattr(command, "COMPARISONS", only)
    monkeypatch.setattr(command, "read_accepted", dict)


@pytest.mark.usefixtures("only_images")
def test_the_exit_status_is_1_with_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "names", "a")
    assert command.main(["--operator", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "new    images: a" in printed
    assert "not compared: cryostatio/cryostat-helm (CHART is not set)" in printed
    write(tmp_path, "names", "")
    assert command.main(["--operator", str(tmp_path)]) == 0


@pytest.mark.usefixtures("only_images")
def test_a_wrong_directory_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--operator", str(tmp_path)]) == 2
    assert f"{tmp_path} has no file names; is it the right repository?" in capsys.readouterr().err
    assert command.main([]) == 2
    assert "No checkout is given" in capsys.readouterr().err
