"""Settings of all tests: the same examples in every run, and no variables of the caller's environment."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

# Failures must be reproducible. `pytest --hypothesis-profile=search` searches for new examples.
settings.register_profile("default", derandomize=True, deadline=None, print_blob=True, max_examples=50)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("default")

# The longest files run first, so that none of them is still running when the other workers are done.
_FIRST = ("tests/node/", "tests/docs/", "tests/cluster/", "tests/image/", "tests/console/", "tests/programs/")

# They start their own node, or none. Other workers can run them.
_WITHOUT_SHARED_NODE = ("tests/node/test_demo.py", "tests/node/test_requirements.py")

PERMISSIONS_DIFFER = 8  # exit status, so that it is not taken for that of a failed test, which is run again

_COMPLAINTS = pytest.StashKey[list[str]]()
_LEAKING = (
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "DISABLE_SERVICE_TLS",
    "OPERATOR_NAMESPACE",
    "ENABLE_WEBHOOKS",
    "LEADER_ELECTION",
    "WEBHOOK_URL",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, a skipped test fails: every program must be installed there."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"nothing is skipped in CI, but: {reason}"
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write tests/golden/ instead of comparing")
    parser.addoption(
        "--audit-permissions",
        action="store_true",
        help="fail if the operator is granted what no test needed, or needed what is not granted; for whole runs only",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Save a third of the CPU time of the collection, and an eighth of that of unit tests: collect garbage less often.

    Modules and tests are never garbage, and the collector searched them again and again.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 20)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent.parent

    @cache
    def position(file: Path) -> int:
        path = os.path.relpath(file, root)
        return next((number for number, folder in enumerate(_FIRST) if path.startswith(folder)), len(_FIRST))

    items.sort(key=lambda item: position(item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """All tests that share the node of tests/node go to one worker."""
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return "tests/node" if scope.startswith("tests/node/") and scope not in _WITHOUT_SHARED_NODE else scope


def pytest_configure(config: pytest.Config) -> None:
    if _audits(config):
        from tests.cluster import permissions

        os.environ[permissions.DIRECTORY] = tempfile.mkdtemp(prefix="permissions-")


@pytest.hookimpl(trylast=True)  # all workers and their control planes have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not _audits(session.config):
        return
    from tests.cluster import operator_process, permissions

    directory = Path(os.environ.pop(permissions.DIRECTORY))
    granted = permissions.granted(operator_process.manifests(deployment=False))
    session.config.stash[_COMPLAINTS] = permissions.complaints(granted, permissions.recorded(directory))
    shutil.rmtree(directory)
    if session.config.stash[_COMPLAINTS]:
        session.exitstatus = PERMISSIONS_DIFFER


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if found := config.stash.get(_COMPLAINTS, []):
        terminalreporter.section("permissions of the operator")
        for complaint in found:
            terminalreporter.line(complaint)


def _audits(config: pytest.Config) -> bool:
    """Whether this process compares the recorded permissions of all its workers."""
    return bool(config.getoption("--audit-permissions")) and not hasattr(config, "workerinput")


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> object:
    """Remove variables of the user's environment, so that no test uses the user's cluster."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _LEAKING:
            patch.delenv(name, raising=False)
        yield
