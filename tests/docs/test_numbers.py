"""Times, sizes and limits on the pages are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cryostat_operator import health, listener, logs, shared_limit
from cryostat_operator.api import limits
from cryostat_operator.backup import passphrase, pod_connection, s3_request
from cryostat_operator.gather import pod_logs
from cryostat_operator.kube import leader_election
from cryostat_operator.observe import owned_objects
from cryostat_operator.packaging import operator_deployment
from cryostat_operator.pki import inspection, signing
from cryostat_operator.plan.components import backup, core, database, storage
from cryostat_operator.plan.quantities import quantity
from cryostat_operator.reconcile import applier, reverted_changes, work_queue, write_limiter
from cryostat_operator.webhooks import (
    authorization,
    body_limits,
    conversion_review,
    conversion_server,
    cryostat_admission,
    manager,
    metrics_access,
    plan_warnings,
    server,
)
from tests.unit.cluster_state import NAME, find, settled

DOCS = Path(__file__).parents[2] / "docs"
MIB = 1 << 20
DAY, YEAR = signing.DAY, 365 * signing.DAY
LATEST_RENEWAL = inspection.RENEW_AFTER + inspection.JITTER

# Page, and a sentence with the value of the code.
SENTENCES = [
    ("admission", f"remembers a granted permission for {authorization.CACHE_SECONDS:.0f} seconds"),
    ("admission", f"cannot be checked within {cryostat_admission.REVIEW_TIMEOUT:.0f} seconds, the write is refused"),
    ("admission", f"most {plan_warnings.MAX_REFERENCES} Secrets and ConfigMaps are read"),
    ("webhooks", f"with more than {server.ADMISSION_LIMITS.size // MIB} MiB or {server.ADMISSION_LIMITS.elements:,}"),
    ("webhooks", f"nested more than {body_limits.MAX_DEPTH} levels deep"),
    ("webhooks", f"the body does not arrive within {server.BODY_TIMEOUT:.0f} seconds"),
    ("webhooks", f"other data of the user have more than {authorization.MAX_USER_BYTES >> 10} KiB"),
    ("webhooks", f"At most {server.MAX_REQUESTS} reviews are in progress, with {server.MAX_BYTES // MIB} MiB"),
    ("webhooks", f"and {server.MAX_ELEMENTS:,} elements in all"),
    ("webhooks", f"open connections: at most {server.MAX_CONNECTIONS}, and further ones are closed at once"),
    ("security", f"{server.MAX_CONNECTIONS} connections to port {manager.PORT} and {health.MAX_CONNECTIONS} to port"),
    ("security", f"no existing Cryostat can own by name, {owned_objects.MAX_UNOWNABLE:,} in a namespace"),
    ("security", f"A Secret with more than {inspection.MAX_CERTIFICATES >> 10} KiB of certificates"),
    ("webhooks", f"than {listener.SMALL_HEADERS['max_headers']} headers, or a header of more than "
                 f"{listener.SMALL_HEADERS['max_field_size'] >> 10} KiB"),
    ("security", f"In a minute, at most {logs.MAX_REVIEW_LINES} lines or tracebacks about reviews"),
    ("webhooks", f"than {limits.MAX_ENTRIES_READ:,} entries in one list or map, {limits.MAX_VALUES_READ:,} values"),
    ("webhooks", f"{limits.MAX_TEXT_READ >> 10} KiB of text or a key of more than {limits.MAX_KEY_READ:,} characters"),
    ("webhooks", f"An annotation of more than {limits.MAX_ANNOTATION_READ >> 10} KiB on a Cryostat has no effect"),
    ("webhooks", f"an object {conversion_review.OBJECT_LIMITS.size // MIB} MiB, "
                 f"{conversion_review.OBJECT_LIMITS.elements:,} elements and {body_limits.MAX_DEPTH} levels"),
    ("webhooks", f"A review may have {conversion_review.MAX_REVIEW_BYTES >> 30} GiB"),
    ("webhooks", f"A review ends after {conversion_server.TIMEOUT:.0f} seconds, or if the operator has waited "
                 f"{conversion_server.PART_TIMEOUT:.0f} seconds"),
    ("webhooks", f"The operator checks the registration every {manager.CHECK_INTERVAL:.0f} seconds"),
    ("webhooks", f"certificate that is valid for {signing.CERTIFICATE_LIFETIME / DAY:.0f} days"),
    ("network", f"remembers accepted tokens for {'one minute' if metrics_access.CACHE_SECONDS == 60 else '?'}"),
    ("network", f"{core.MAX_BODY_SIZE.replace('G', ' GiB')}, then status 413"),
    ("storage", f"| `NAME-database` | {database.DEFAULT_SIZE} |"),
    ("storage", f"| `NAME-storage` | {storage.DEFAULT_SIZE} |"),
    ("tls", f"a certificate for {signing.CERTIFICATE_LIFETIME / DAY:.0f} days"),
    ("tls", f"plus up to {inspection.JITTER:.0%} of it".replace("5%", "5 %")),
    ("tls", f"within {(1 - LATEST_RENEWAL) * signing.CERTIFICATE_LIFETIME // DAY:.0f} days after the renewal"),
    ("tls", f"about {'three' if 2.5 < (1 - LATEST_RENEWAL) * signing.CA_LIFETIME / YEAR < 3.5 else '?'} years before"),
    ("backup", f"The passphrase needs {passphrase.SHORTEST} characters or more"),
    ("backup", f"within {sum(s3_request.RETRY_SECONDS):.0f} s"),
    ("backup", f"if nothing arrives for {pod_connection.IDLE_SECONDS:.0f} s"),
    ("backup", f"A Job ends after {backup.DEADLINE_SECONDS // 3600} hours at the latest"),
    ("backup", f"no more than {backup.LONGEST_NAME - len('-backup')} characters"),
    ("commands", f"the last {pod_logs.LOG_LINES} lines of the log"),
    ("high-availability", f"the Lease lasts {leader_election.LEASE_DURATION} s, a renewal may take "
                          f"{leader_election.RENEW_DEADLINE:.0f} s"),
    ("high-availability", f"an attempt every {leader_election.RETRY_PERIOD:.0f} s"),
    ("high-availability", f"up to {leader_election.RETRY_PERIOD * (1 + leader_election.JITTER_FACTOR):.1f} seconds"),
    ("other-controllers", f"at most {write_limiter.BURST} times in a row, and once every "
                          f"{write_limiter.REFILL_SECONDS:.0f} seconds"),
    ("other-controllers", f"within {reverted_changes.WINDOW_SECONDS / 60:.0f} minutes"),
    ("performance", f"share {applier.MAX_CONCURRENT_WRITES} concurrent writes. One `Cryostat` uses up to "
                    f"{applier.MAX_CONCURRENT_WRITES_PER_INSTANCE} of them, or {applier.MAX_CONCURRENT_WRITES_SLOW}"),
    ("performance", f"repeated after {work_queue.BASE_DELAY_SECONDS} s, doubling up to "
                    f"{work_queue.MAX_DELAY_SECONDS:.0f} s"),
    ("peer-faults", f"Up to {work_queue.MAX_CONCURRENT_RECONCILES} Cryostats are reconciled concurrently"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "sentence"), SENTENCES, ids=lambda value: value[:40])
def test_a_page_has_the_value_of_the_code(page: str, sentence: str) -> None:
    text = re.sub(r"\s+", " ", (DOCS / f"{page}.md").read_text())
    assert sentence in text


def test_one_address_gets_four_fifths_of_a_limit() -> None:
    assert "at most four fifths of each limit" in re.sub(r"\s+", " ", (DOCS / "webhooks.md").read_text())
    assert shared_limit.SHARE / (shared_limit.SHARE + 1) == 0.8


def test_the_requests_of_an_instance_are_those_of_its_containers() -> None:
    plan = settled({"reportOptions": {"replicas": 1}}).plan
    names = (NAME, f"{NAME}-database", f"{NAME}-storage", f"{NAME}-reports")
    pods = {name: find(plan, "Deployment", name)["spec"]["template"]["spec"] for name in names}
    requests = {name: [c["resources"]["requests"] for c in pod["containers"]] for name, pod in pods.items()}
    reports = requests.pop(f"{NAME}-reports")
    cpu, memory = (sum(quantity(c[what]) for found in requests.values() for c in found) for what in ("cpu", "memory"))
    operator = operator_deployment.deployment()["spec"]
    own = operator["template"]["spec"]["containers"][0]["resources"]["requests"]
    text = re.sub(r"\s+", " ", (DOCS / "install.md").read_text())
    assert operator["replicas"] == 2
    assert f"Each of the two replicas of the operator requests {own['cpu']} CPU and {own['memory']}." in text
    assert f"An instance requests {cpu * 1000:.0f}m CPU and {memory / MIB:.0f}Mi in three pods" in text
    assert f"two volumes with {database.DEFAULT_SIZE} and {storage.DEFAULT_SIZE}" in text
    assert f"each report generator requests {reports[0]['cpu']} CPU and {reports[0]['memory']} more" in text
