"""Database, object storage and report generators of an instance: who reaches them, and the data of former pods."""

from __future__ import annotations

import textwrap

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from tests.cluster.kubectl import KubectlError
from tests.node.installation import restarts
from tests.node.instance import PODS, Running, wait_until

# The instance becomes Ready within minutes, also after the changes of each test.
pytestmark = pytest.mark.timeout(900)


GET = """
import os, ssl, sys, urllib.request
url, authority = map(os.path.expandvars, sys.argv[1:])
print(urllib.request.urlopen(url, timeout=10, context=ssl.create_default_context(cafile=authority)).status)
"""


def test_report_generators_are_reached_and_reach_the_storage(instance: Running) -> None:
    """Both connections verify the name in the certificate, with the variables of the container only."""
    script = ("python3", "-c", GET)
    address = "$QUARKUS_REST_CLIENT_REPORTS_URL/health"
    assert instance.run_in(instance.name, instance.name, *script, address, "/tmp/authorities.pem") == "200\n"
    reports = f"{instance.name}-reports"
    storage = f"https://{instance.name}-storage:{names.PORT_STORAGE}/healthz"
    assert instance.run_in(reports, reports, *script, storage, "$CRYOSTAT_STORAGE_TLS_CA_PATH") == "200\n"


def test_storage_and_database_require_keys_password_and_tls(instance: Running) -> None:
    name = "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_SECRET_ACCESS_KEY"
    wrong_keys = f"""
        import os
        from pathlib import Path
        from tests.operands.backends import Storage
        storage = Storage.from_env({{**os.environ, "{name}": "wrong"}}, Path("/tmp/authorities.pem"))
        storage.request("GET", "")
    """
    assert "SignatureDoesNotMatch" in refused(instance, "python3", "-c", textwrap.dedent(wrong_keys))
    host = f"host={instance.name}-database user=cryostat dbname=cryostat"
    assert "no encryption" in refused(instance, "psql", f"{host} sslmode=disable", "-c", "SELECT 1")
    wrong = ("env", "PGPASSWORD=wrong", "psql", f"{host} sslmode=require", "-c", "SELECT 1")
    assert "password authentication failed" in refused(instance, *wrong)


PRESIGNED = """
import datetime, os
from dataclasses import replace
from pathlib import Path
from tests.operands.backends import Storage
storage = Storage.from_env(os.environ, Path("/tmp/authorities.pem"))
path = "archivedrecordings/presigned"
storage.request("PUT", path, b"a recording")
url, now = f"{storage.endpoint}/{path}", datetime.datetime.now(datetime.UTC)
valid = storage.signer.presigned("GET", url, now, 600)
print(valid)
print(storage.signer.presigned("GET", url, now - datetime.timedelta(hours=1), 600))
print(valid[:-8] + "00000000")
print(storage.signer.presigned("GET", f"{url}2", now, 600).replace("/presigned2?", "/presigned?"))
print(replace(storage.signer, secret_key="wrong").presigned("GET", url, now, 600))
print(replace(storage.signer, access_key="wrong").presigned("GET", url, now, 600))
"""


DOWNLOAD = """
import os, ssl, sys, urllib.error, urllib.request
context = ssl.create_default_context(cafile=os.path.expandvars(sys.argv[1]))
for url in sys.argv[2:]:
    try:
        print(urllib.request.urlopen(url, timeout=10, context=context).status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""


def test_presigned_urls_are_valid_for_a_time_and_for_what_was_signed(instance: Running) -> None:
    """The application signs them with its keys; report generators download with them, and verify the certificate."""
    urls = instance.run_in(instance.name, instance.name, "python3", "-c", PRESIGNED).split()
    name = f"{instance.name}-reports"
    answers = instance.run_in(name, name, "python3", "-c", DOWNLOAD, "$CRYOSTAT_STORAGE_TLS_CA_PATH", *urls).split()
    # Valid, expired, forged, for another object, with a wrong secret key, with a wrong access key.
    assert answers == ["200"] + ["403"] * 5


def refused(instance: Running, *command: str) -> str:
    """Run a command in the application's container that must fail, and return its errors."""
    with pytest.raises(KubectlError) as error:
        instance.run_in(instance.name, instance.name, *command)
    return str(error.value.stderr)


SLOW_START = "/var/lib/pgsql/data/slow-start"  # seconds; the entry point of the database's image reads it


def test_new_pods_have_the_former_data_and_do_not_restart_with_a_slow_database(instance: Running) -> None:
    """All pods start at once, and the database needs a minute."""
    user = instance.login()
    put = ("--request", "PUT", "--data-binary", "a secret value")
    assert instance.request("/kept/first", user, *put)[0] == 204
    store = (f"{instance.name}-database", f"{instance.name}-db")
    instance.run_in(*store, "sh", "-c", f"echo 60 >{SLOW_START}")
    before = {pod["metadata"]["uid"] for pod in instance.pods}
    for pod in instance.pods:
        instance.api.delete(pod)

    def replaced() -> bool:
        pods = instance.pods
        return len(pods) == PODS and not before & {pod["metadata"]["uid"] for pod in pods} and instance.is_ready

    wait_until(replaced, "all pods are new")
    assert restarts(instance.pods) == 0
    instance.run_in(*store, "rm", SLOW_START)
    value = "a secret value"
    kept = wait_until(lambda: instance.stored_values("first", user), "the application answers")
    assert kept == {"database": value, "storage": value}
    stored = instance.run_in(*store, "psql", "-U", "postgres", "-d", "cryostat", "-Atc", "SELECT name, value FROM kept")
    assert "first" in stored
    assert value.encode().hex() not in stored, "the value is encrypted"


RETAINED = {
    ("PersistentVolumeClaim", "-database"),
    ("PersistentVolumeClaim", "-storage"),
    ("Secret", "-db"),
    ("Secret", "-storage"),
}


def left(instance: Running) -> set[tuple[str, str]]:
    """The kinds of the objects of a deleted instance, and their names without that of the instance."""
    return {(each["kind"], each["metadata"]["name"].removeprefix(instance.name)) for each in instance.owned_objects()}


def test_a_new_instance_has_the_retained_data_of_a_deleted_one(instance: Running) -> None:
    user, value = instance.login(), "a retained value"
    put = ("--request", "PUT", "--data-binary", value)
    wait_until(lambda: instance.request("/kept/retained", user, *put)[0] == 204, "the application stores the value")
    former = instance.cryostat
    metadata = {key: former["metadata"][key] for key in ("name", "namespace")}
    retain = {"annotations": {constants.ANNOTATION_DATA_RETENTION: "Retain"}}
    instance.api.patch(former, {"metadata": retain})
    instance.api.delete(former)
    wait_until(lambda: not instance.pods and left(instance) == RETAINED, "only the data is left")

    instance.api.create({key: former[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata})
    wait_until(lambda: instance.is_ready, "the new instance is Ready")
    new_user = instance.login()
    kept = wait_until(lambda: instance.stored_values("retained", new_user), "the new application answers")
    assert kept == {"database": value, "storage": value}
