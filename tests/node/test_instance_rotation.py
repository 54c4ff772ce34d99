"""A new login and new certificates reach the programs of an instance."""

from __future__ import annotations

from contextlib import suppress

import pytest

from cryostat_operator.plan.model import names
from tests.cluster.api import ApiError
from tests.cluster.kubectl import KubectlError
from tests.node.instance import HOME, Running, wait_until

# The instance becomes Ready within minutes, also after the changes of each test.
pytestmark = pytest.mark.timeout(900)


PEER = """
import hashlib, socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for address in sys.argv[1:]:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 5) as plain:
        if port == "5432":  # PostgreSQL starts TLS on request
            plain.sendall(bytes.fromhex("0000000804d2162f"))
            plain.recv(1)
        with context.wrap_socket(plain) as connection:
            print(hashlib.sha256(connection.getpeercert(True)).hexdigest())
"""


CERTIFICATES = ("", "-agent", "-database", "-storage")


def served_certificates(instance: Running) -> list[str]:
    """The hashes of the certificates that programs of an instance serve. Empty if one does not respond.

    The storage is left out, because it loads a new certificate every five hours.
    """
    addresses = [
        f"localhost:{names.PORT_AUTH_PROXY}",
        f"localhost:{names.PORT_AGENT_GATEWAY}",
        f"{instance.name}-database:{names.PORT_DATABASE}",
    ]
    with suppress(KubectlError):
        return instance.run_in(instance.name, instance.name, "python3", "-c", PEER, *addresses).split()
    return []


def storage_certificate(instance: Running) -> str:
    """The certificate that the storage loads next, in base64 without line breaks."""
    name = f"{instance.name}-storage"
    path = f"{names.SECRETS_DIR}/{name}-tls/tls.crt"
    return instance.run_in(name, name, "base64", "--wrap=0", path)


def test_a_new_login_and_new_certificates_reach_the_programs(instance: Running) -> None:
    former = instance.login()
    certificates = wait_until(lambda: served_certificates(instance), "the programs serve certificates")
    assert len(set(certificates)) == 3
    stored = storage_certificate(instance)
    for secret in (f"{instance.name}{part}-tls" for part in CERTIFICATES):
        instance.api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": HOME}})
    metadata = {"name": instance.cryostat["status"]["basicAuthSecret"], "namespace": HOME}
    instance.api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})

    def generated() -> bool:
        with suppress(ApiError):
            return instance.login() != former
        return False

    wait_until(generated, "the login is generated again")
    path = "/api/v4/targets"
    wait_until(lambda: instance.request(path, instance.login())[0] == 200, "the new login works")
    # Pods are replaced for new certificates, so a request may get no response.
    wait_until(lambda: instance.request(path, former)[0] in (401, 403), "the former login is refused")

    def renewed() -> bool:
        found = served_certificates(instance)
        return len(found) == len(certificates) and not set(found) & set(certificates)

    wait_until(renewed, "the programs serve new certificates", interval=1)
    wait_until(lambda: storage_certificate(instance) != stored, "the storage has a new certificate", interval=1)
    wait_until(lambda: instance.is_ready, "the instance is Ready again")
