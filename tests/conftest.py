"""What holds for all tests: the same examples on every run, and no surprises from the caller's environment."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A test that fails today must fail tomorrow; searching for new examples is `pytest --hypothesis-profile=search`.
settings.register_profile("default", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("default")

_LEAKING = (
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "DISABLE_SERVICE_TLS",
    "OPERATOR_NAMESPACE",
    "ENABLE_WEBHOOKS",
    "WEBHOOK_URL",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write tests/golden/ anew instead of comparing")


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> object:
    """No test talks to the cluster of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _LEAKING:
            patch.delenv(name, raising=False)
        yield
