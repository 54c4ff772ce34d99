"""Files of users in ConfigMaps and Secrets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.names import sha256
from tests.unit.cluster_state import NAMESPACE, changes, find, mounts, settled, volumes

T = "/opt/cryostat.d/templates.d"
FILES = ("eventTemplates", "automatedRules", "probeTemplates")
DIRECTORIES = ("templates", "rules", "probes")
SOURCES = ("secretName", "configMapName")


def template(config_map: str, filename: str) -> dict[str, str]:
    return {"configMapName": config_map, "filename": filename}


def test_one_volume_per_config_map_with_all_its_files() -> None:
    plan = settled({"eventTemplates": [template("a", "x.jfc"), template("a", "y.jfc"), template("b", "x.jfc")]}).plan
    assert [item["key"] for item in volumes(plan)["template-a"]["configMap"]["items"]] == ["x.jfc", "y.jfc"]
    assert {path: m["subPath"] for path, m in mounts(plan).items() if path.startswith(T)} == {
        f"{T}/a_x.jfc": "x.jfc",
        f"{T}/a_y.jfc": "y.jfc",
        f"{T}/b_x.jfc": "x.jfc",
    }


def test_file_names_that_are_too_long_for_a_file_system_are_shortened() -> None:
    """ConfigMaps, Secrets and keys may have names of 253 characters each, and a file one of 255."""
    long = ("a" * 253, "b" * 253)
    spec = {
        **{field: [template(name, "x" * 249 + ".jfc") for name in long] for field in FILES},
        "trustedCertSecrets": [{field: name, "certificateKey": "k" * 253} for field in SOURCES for name in long],
    }
    plan = settled(spec).plan
    paths = [path for path in mounts(plan) if path.endswith(".jfc")]
    assert {path.rpartition("/")[0] for path in paths} == {f"/opt/cryostat.d/{kind}.d" for kind in DIRECTORIES}
    sources = volumes(plan)["cert-secrets"]["projected"]["sources"]
    items = [item["path"] for source in sources for each in source.values() for item in each["items"]]
    assert (len(paths), len(items)) == (6, 4)
    names = [path.rpartition("/")[2] for path in paths] + items
    assert max(map(len, names)) <= 255
    assert all(1 <= count <= 3 for count in Counter(names).values())  # the same file in three directories
    assert len(set(names)) == 2 + 4
    assert changes(settled(spec).plan, plan) == {}


def test_repetitions_are_harmless() -> None:
    once: dict[str, Any] = {
        "eventTemplates": [template("a", "x")],
        "automatedRules": [template("a", "x")],
        "probeTemplates": [template("a", "x")],
        "declarativeCredentials": [{"secretName": "c"}],
        "trustedCertSecrets": [{"secretName": "s"}, {"configMapName": "s"}],
    }
    twice = {field: given * 2 for field, given in once.items()}
    assert changes(settled(once).plan, settled(twice).plan) == {}


def test_names_that_are_invalid_or_used_as_volume_names_are_replaced() -> None:
    secrets = ["keystore.v1", "cert-secrets", "agent-proxy-config", "sample-oauth2-proxy-cfg", "x" * 200, "template-a"]
    spec = {
        "eventTemplates": [template("a", "x"), template("b.c", "x"), template("y" * 100, "x")],
        "declarativeCredentials": [{"secretName": name} for name in secrets],
    }
    plan = settled(spec).plan
    pod = find(plan, "Deployment", "sample")["spec"]["template"]["spec"]
    names = [v["name"] for v in pod["volumes"]]
    assert max(Counter(names).values()) == 1
    assert all(len(name) <= 63 and "." not in name for name in names)
    mounted = {m["name"] for c in pod["containers"] for m in c.get("volumeMounts", [])}
    assert mounted == set(names)
    for name in secrets:
        volume = mounts(plan)[f"/opt/cryostat.d/credentials.d/{name}"]["name"]
        assert volumes(plan)[volume]["secret"]["secretName"] == name
    assert "template-a" in names  # as the Go operator called it


def test_a_replaced_name_is_not_used_either() -> None:
    taken = f"volume-{sha256('cert-secrets')[:32]}"
    plan = settled({"declarativeCredentials": [{"secretName": taken}, {"secretName": "cert-secrets"}]}).plan
    found = [volume["name"] for volume in find(plan, "Deployment", "sample")["spec"]["template"]["spec"]["volumes"]]
    assert len(found) == len(set(found))
    assert taken in found


def test_certificates_are_projected_under_distinct_paths() -> None:
    given = [
        {"secretName": "s"},
        {"secretName": "s", "certificateKey": "other.pem"},
        {"configMapName": "s"},
    ]
    sources = volumes(settled({"trustedCertSecrets": given}).plan)["cert-secrets"]["projected"]["sources"]
    paths = [item["path"] for source in sources for ref in source.values() for item in ref["items"]]
    assert paths == ["secret_s_tls.crt", "secret_s_other.pem", "configmap_s_service-ca.crt"]


def test_a_missing_file_holds_the_deployment_back_and_is_named() -> None:
    state = settled({"automatedRules": [template("rules", "r.json")]})
    key = Key("Deployment", NAMESPACE, "sample")
    problem = state.without_data("ConfigMap", "rules").plan.blocked[key].problem
    assert problem.reason == "ConfigMapNotFound"
    assert "ConfigMap rules " in problem.message
    assert "Deployment sample " in problem.message
    problem = state.with_data("ConfigMap", "rules", "other.json").plan.blocked[key].problem
    assert problem.reason == "ConfigMapKeyNotFound"
    assert "r.json" in problem.message


def test_certificates_are_mounted_once_and_in_order() -> None:
    given = [{"secretName": "b"}, {"secretName": "a"}, {"secretName": "b"}, {"secretName": "b", "certificateKey": "k"}]
    sources = volumes(settled({"trustedCertSecrets": given}).plan)["cert-secrets"]["projected"]["sources"]
    found = [(each["secret"]["name"], each["secret"]["items"][0]["key"]) for each in sources]
    assert found[:3] == [("b", "tls.crt"), ("a", "tls.crt"), ("b", "k")]
