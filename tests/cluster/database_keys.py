"""The keys of a database, and the Secret with them."""

from __future__ import annotations

from tests.cluster.api import Object
from tests.cluster.scenario import Scenario

KEYS = {"CONNECTION_KEY": "one", "ENCRYPTION_KEY": "two"}


def copy(obj: Object, *keys: str) -> Object:
    """The object as a backup contains it: the content and the given keys of the metadata."""
    kept = {key: obj["metadata"][key] for key in ("name", "namespace", *keys)}
    return {**obj, "metadata": kept}


def secret_in_use(scenario: Scenario, where: str) -> str:
    [container] = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each for each in container["env"]}
    return str(variables["POSTGRESQL_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"])
