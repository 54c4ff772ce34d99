"""The objects that `diff` uses of those that it read."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.observe.authentication import AuthenticationStore
from cryostat_operator.observe.keystores import keys
from cryostat_operator.observe.one_shot_reader import OneShotReader, _with_objects
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit.api_server import ApiServer
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat
from tests.unit.observe.keystores import keystore
from tests.unit.pki.tls_secrets import CA, encoded

SPEC = {"authorizationOptions": {"basicAuth": {"secretName": "login", "filename": "htpasswd"}}}
LABELS = {constants.LABEL_NAME: NAME, constants.LABEL_NAMESPACE: NAMESPACE}
STORAGE = Key("Secret", NAMESPACE, f"{NAME}-storage")
LOGIN = Key("Secret", NAMESPACE, "login")
CA_SECRET = Key("Secret", NAMESPACE, names.ca_secret(NAMESPACE, NAME))

KEYSTORE, PASSWORD = keys(InstanceKey(NAMESPACE, NAME))


def secret(key: Key, *, own: bool, **data: str) -> Obj:
    metadata = {"name": key.name, "namespace": key.namespace, "uid": "u", "labels": LABELS if own else {}}
    return {"kind": "Secret", "metadata": metadata, "data": data or {"ACCESS_KEY": "YQ=="}}


def read(*, tls: bool = False, **objects: Obj) -> Snapshot:
    desired = ClusterState(cryostat(SPEC), settings=Settings(service_tls=tls)).desired
    found = {Key("Secret", NAMESPACE, obj["metadata"]["name"]): obj for obj in objects.values()}
    return _with_objects(Snapshot(), desired, {*desired.objects, *desired.requests}, found)


@pytest.mark.parametrize("own", [True, False])
def test_a_generated_secret_is_used_only_if_it_belongs_to_the_instance(own: bool) -> None:
    found = read(storage=secret(STORAGE, own=own))
    assert (found.data["Secret", STORAGE.name] is not None) == own
    assert (STORAGE in found.live) == own


@pytest.mark.parametrize("own", [True, False])
def test_a_certificate_is_used_only_if_it_belongs_to_the_instance(own: bool) -> None:
    found = read(tls=True, ca={**secret(CA_SECRET, own=own), "data": encoded(CA)})
    assert (found.ca_certificate is not None) == own
    assert (CA_SECRET in found.certificates) == own


@pytest.mark.parametrize("own", [True, False])
def test_a_keystore_is_compared_with_the_password_of_the_instance(own: bool) -> None:
    issued = secret(KEYSTORE, own=True) | {"data": keystore("former")["data"]}
    issued["metadata"]["annotations"] = {constants.ANNOTATION_CERTIFICATE: NAME}
    found = read(tls=True, keystore=issued, password=secret(PASSWORD, own=own, KEYSTORE_PASS="bmV3"))
    assert found.certificates[KEYSTORE].has_other_password == own


def test_a_keystore_without_a_certificate_is_not_compared() -> None:
    issued = secret(KEYSTORE, own=True, **{"keystore.p12": keystore("former")["data"]["keystore.p12"]})
    issued["metadata"]["annotations"] = {constants.ANNOTATION_CERTIFICATE: NAME}
    found = read(tls=True, keystore=issued, password=secret(PASSWORD, own=True, KEYSTORE_PASS="bmV3"))
    assert KEYSTORE not in found.certificates


def test_a_secret_that_the_spec_names_is_used() -> None:
    found = read(login=secret(LOGIN, own=False, htpasswd="YTpi"))
    content = found.data["Secret", "login"]
    assert content
    assert content.keys == {"htpasswd"}
    assert found.live == {}


class Platform(ApiServer):
    """Serves Routes if `routes`, and answers the request for `Authentication/cluster` with `status`."""

    routes = True
    status = 404

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        if path == AuthenticationStore.PATH:
            if self.status != 200:
                raise ApiError(self.status, "", path)
            return {"metadata": {"name": "cluster"}, "spec": {"type": "OIDC"}}
        if path.count("/") <= 3 and path != "/api/v1/namespaces":  # discovery
            return {"resources": [{"name": "routes"}] if self.routes and "route.openshift.io" in path else []}
        return await super().request(method, path, **more)


@pytest.mark.parametrize(
    ("routes", "status", "expected"),
    [
        (True, 200, ("OIDC", False)),
        (True, 404, ("", True)),
        (True, 403, ("", False)),
        (False, 404, ("", False)),
    ],
)
async def test_the_authentication_of_openshift_is_read_with_its_absence(
    routes: bool, status: int, expected: tuple[str, bool]
) -> None:
    server = Platform()
    server.routes, server.status = routes, status
    reader = await OneShotReader.create(server, cryostat(), Settings())
    found = await reader.snapshot(InstanceKey(NAMESPACE, NAME), "", ())
    assert (found.authentication_type, found.authentication_missing) == expected
    sentence = "You may not read Authentication/cluster: it is assumed that users can log in with OpenShift accounts."
    assert reader.assumptions == ((sentence,) if status == 403 else ())


async def test_a_failure_to_read_the_authentication_of_openshift_is_raised() -> None:
    server = Platform()
    server.status = 500
    with pytest.raises(ApiError):
        await OneShotReader.create(server, cryostat(), Settings())
