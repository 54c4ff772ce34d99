"""Content of Secrets that depends on other Secrets: certificates, copies and keystores."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.pki.signing import load_certificates
from cryostat_operator.plan.diff.plan_diff import Change, Verb
from cryostat_operator.plan.model.kinds import Key, path_of
from cryostat_operator.plan.model.requests import (
    CertificateRequest,
    CopyRequest,
    HtpasswdValue,
    RandomValue,
    Request,
    SecretRequest,
)
from cryostat_operator.reconcile.secret_provider import EncodedData, SecretContent, SecretProvider
from tests.unit.api_server import ApiServer
from tests.unit.reconcile.secret_data import encoded

CA, CERTIFICATE, OTHER, PASSWORDS = (Key("Secret", "here", name) for name in ("ca", "x", "other", "passwords"))
CA_REQUEST = CertificateRequest(CA, "cryostat-ca")


def request_of(key: Key = CERTIFICATE, **fields: Any) -> CertificateRequest:
    return CertificateRequest(key, "db", ("db",), frozenset({"server auth"}), CA, **fields)


def change(request: Request | None, verb: Verb = "create") -> Change:
    key = request.key if request else CERTIFICATE
    return Change(verb, key, {"kind": "Secret", "metadata": {"name": key.name}}, request=request)


def put(server: ApiServer, key: Key, data: EncodedData) -> None:
    server.put(path_of(key), {"data": dict(data)})


def decoded(data: EncodedData | None, key: str) -> bytes:
    assert data
    return base64.b64decode(data[key])


def certificate(data: EncodedData | None) -> x509.Certificate:
    [found] = load_certificates(decoded(data, "tls.crt"))
    return found


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


async def prepared(server: ApiServer, *changes: Change) -> list[EncodedData | None]:
    provider = SecretProvider(server, changes)
    found = await asyncio.gather(*(provider.prepare(each) for each in changes))
    await provider.close()
    return list(found)


# --- certificates ----------------------------------------------------------------------------------------------------


async def test_a_new_authority_signs_the_certificates_of_the_same_pass(server: ApiServer) -> None:
    ca, one, two = await prepared(server, change(CA_REQUEST), change(request_of()), change(request_of(OTHER)))
    assert decoded(ca, "ca.crt") == decoded(ca, "tls.crt") == decoded(one, "ca.crt") == decoded(two, "ca.crt")
    for each in (one, two):
        certificate(each).verify_directly_issued_by(certificate(ca))
    assert decoded(one, "tls.key") != decoded(two, "tls.key")
    assert server.requests == []


async def test_an_existing_authority_is_read_once(server: ApiServer) -> None:
    [ca] = await prepared(server, change(CA_REQUEST))
    assert ca
    put(server, CA, ca)
    one, two = await prepared(server, change(request_of()), change(request_of(OTHER)))
    for each in (one, two):
        certificate(each).verify_directly_issued_by(certificate(ca))
    assert server.requests == [("GET", path_of(CA))]


async def test_an_authority_that_is_replaced_keeps_what_is_usable(server: ApiServer) -> None:
    [ca] = await prepared(server, change(CA_REQUEST))
    assert ca
    put(server, CA, ca)
    [same] = await prepared(server, change(CA_REQUEST, "replace"))
    assert same == ca
    [new] = await prepared(server, change(CA_REQUEST))
    assert new != ca


async def test_a_certificate_with_keystores(server: ApiServer) -> None:
    put(server, PASSWORDS, encoded(store="secret"))
    with_stores, unused = (
        request_of(password=(PASSWORDS, "store")),
        request_of(OTHER, password=(PASSWORDS, "absent")),
    )
    _, one, two = await prepared(server, change(CA_REQUEST), change(with_stores), change(unused))
    store = pkcs12.load_pkcs12(decoded(one, "keystore.p12"), b"secret")
    assert store.cert
    assert store.cert.certificate == certificate(one)
    assert not {"keystore.p12", "truststore.p12"} & set(two or ())
    assert server.requests == [("GET", path_of(PASSWORDS))]


@pytest.mark.parametrize("data", [{}, encoded(**{"tls.crt": "junk", "tls.key": "junk"})])
async def test_an_authority_that_is_not_usable(server: ApiServer, data: EncodedData) -> None:
    put(server, CA, data)
    with pytest.raises(ApiError) as error:
        await prepared(server, change(request_of()))
    assert error.value.status == 409
    assert error.value.message == "Secret here/ca contains no usable certificate authority"


async def test_an_authority_that_cannot_be_read_fails_each_certificate(server: ApiServer) -> None:
    provider = SecretProvider(server, ())
    for key in (CERTIFICATE, OTHER):
        with pytest.raises(ApiError) as error:
            await provider.prepare(change(request_of(key)))
        # The next run observes what is missing. A 404 would say that the API of Secrets is not served.
        assert (error.value.status, str(error.value)) == (409, "Secret here/ca was deleted meanwhile")
    assert len(server.requests) == 1


# --- copies ----------------------------------------------------------------------------------------------------------


async def test_a_copy_has_the_requested_values_only(server: ApiServer) -> None:
    put(server, CA, encoded(a="1", b="2", c="3"))
    request = CopyRequest(CERTIFICATE, CA, {"x": "a", "y": "b"})
    [found] = await prepared(server, change(request))
    assert found == encoded(x="1", y="2")
    assert await SecretContent(request, found).merged_with(encoded(old="0")) == found
    assert await SecretContent(request, None).merged_with(encoded(old="0")) == {}


async def test_a_copy_of_a_secret_that_lacks_keys(server: ApiServer) -> None:
    put(server, CA, encoded(a="1"))
    with pytest.raises(ApiError) as error:
        await prepared(server, change(CopyRequest(CERTIFICATE, CA, {"x": "a", "y": "c", "z": "b"})))
    assert (error.value.status, error.value.message) == (409, "Secret here/ca lacks b, c")


# --- other content ---------------------------------------------------------------------------------------------------


async def test_generated_values_and_metadata_depend_on_no_other_secret(server: ApiServer) -> None:
    request = SecretRequest(
        CERTIFICATE, {"password": RandomValue(8), "user": "x", "file": HtpasswdValue("x", "password")}
    )
    assert await prepared(server, change(request), change(None)) == [None, None]
    assert server.requests == []
    existing = encoded(user="y", other="z")
    merged = await SecretContent(request, None).merged_with(existing)
    assert {key: merged[key] for key in existing} == existing
    assert len(decoded(merged, "password")) == 8
    assert decoded(merged, "file").startswith(b"x:$2")
    assert await SecretContent(None, None).merged_with(existing) == existing


async def test_a_certificate_replaces_only_its_own_keys() -> None:
    existing = encoded(**{"tls.crt": "old", "a": "b"})
    found = await SecretContent(request_of(), encoded(**{"tls.crt": "new"})).merged_with(existing)
    assert found == encoded(**{"tls.crt": "new", "a": "b"})


async def test_close_cancels_running_tasks(server: ApiServer) -> None:
    blocked = asyncio.Event()

    async def wait(key: Key) -> Any:
        await blocked.wait()

    server.get = wait  # type: ignore[method-assign]
    changes = change(CA_REQUEST, "replace"), change(request_of(password=(PASSWORDS, "store")))
    provider = SecretProvider(server, changes)
    waiting = [asyncio.create_task(provider.prepare(each)) for each in changes]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await provider.close()
        for each in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(each, asyncio.CancelledError)
