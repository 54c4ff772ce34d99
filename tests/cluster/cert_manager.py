"""The real cert-manager against the embedded control plane: its definitions, and its controller as a child process."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.cluster import binaries
from tests.cluster.api import Object, condition, eventually
from tests.cluster.controlplane import LEAN, ControlPlane
from tests.cluster.processes import Child, free_ports

API_VERSION = "cert-manager.io/v1"


@functools.cache
def definitions() -> list[Object]:
    """CustomResourceDefinitions, without the labels that its Helm chart would fill in, and without descriptions."""
    # yaml's loader in Python takes a second for these long documents.
    found = [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in binaries.data(binaries.CERT_MANAGER)]
    for crd in found:
        crd["metadata"].pop("labels", None)
    return [_undescribed(crd) for crd in found]


def _undescribed(value: Any) -> Any:
    """A schema without descriptions, which are four fifths of it. The API server reads a schema after every change."""
    match value:
        case dict():
            texts = [key for key, inner in value.items() if key == "description" and isinstance(inner, str)]
            return {key: _undescribed(inner) for key, inner in value.items() if key not in texts}
        case list():
            return [_undescribed(inner) for inner in value]
    return value


class CertManager:
    """`with CertManager(plane):` installs cert-manager, and stops it at the end, before its cluster is stopped.

    Args:
        options: further options of its controller.
    """

    def __init__(self, plane: ControlPlane, *options: str) -> None:
        self._plane, self._options = plane, options
        self._programs = binaries.programs("cert-manager-controller", "cert-manager-cainjector")
        self._child: Child | None = None
        self._injector: Child | None = None

    def install(self) -> None:
        """Create the definitions, then start the controller."""
        self.define()
        self.start()

    def define(self) -> None:
        api = self._plane.api
        for crd in definitions():
            api.apply(crd, fieldValidation="Ignore")
        for crd in definitions():
            eventually(lambda crd=crd: _established(api.get(*_CRD, crd["metadata"]["name"])))  # type: ignore[misc]

    def start(self) -> None:
        [port] = free_ports(1)
        command: list[str | Path] = [
            self._programs["cert-manager-controller"],
            f"--kubeconfig={self._plane.kubeconfig}",
            "--controllers=*",  # the approver is not in the default
            "--leader-elect=false",
            f"--metrics-listen-address=127.0.0.1:{port}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            *self._options,
        ]
        log = self._plane.directory / "logs" / "cert-manager.log"
        self._child = Child("cert-manager", command, log, os.environ | LEAN)

    @contextmanager
    def restarted(self, *options: str) -> Iterator[None]:
        """Run the controller with these options inside the block."""
        before = self._options
        try:
            self.stop()
            self._options = options
            self.start()
            yield
        finally:
            self.stop()
            self._options = before
            self.start()

    def inject(self) -> None:
        """Start cainjector, which writes CA bundles into webhook configurations and definitions. Few tests need it."""
        command: list[str | Path] = [
            self._programs["cert-manager-cainjector"],
            f"--kubeconfig={self._plane.kubeconfig}",
            "--leader-elect=false",
        ]
        log = self._plane.directory / "logs" / "cainjector.log"
        self._injector = Child("cainjector", command, log, os.environ | LEAN)

    def stop(self) -> None:
        if self._injector:
            self._injector.kill()
            self._injector = None
        if self._child:
            self._child.kill()
            self._child = None

    def tail(self) -> str:
        """The end of the log of the controller."""
        return self._child.tail(60) if self._child else ""

    def uninstall(self) -> None:
        """Stop the controller, and delete the definitions with all their objects."""
        self.stop()
        for crd in definitions():
            self._plane.api.delete(crd)
        with suppress(TimeoutError):
            eventually(lambda: not self._left(), 5, interval=0.5)
        eventually(self._are_definitions_gone, 300, interval=2)
        for group in ("cert-manager.io", "acme.cert-manager.io"):
            self._plane.api.forget_kinds(group)

    def _left(self) -> set[str]:
        """The names of the definitions that exist."""
        existing = {crd["metadata"]["name"] for crd in self._plane.api.list_metadata(*_CRD)}
        return existing & {crd["metadata"]["name"] for crd in definitions()}

    def _are_definitions_gone(self) -> bool:
        """Return True if all definitions are deleted.

        Raises:
            AssertionError: with the remaining definitions and the API server's messages.
        """
        api = self._plane.api
        left = [found for name in self._left() if (found := api.find(*_CRD, name))]
        for crd in left:
            # After a failure the API server waits before it retries the deletion; a change starts a retry.
            api.patch(crd, {"metadata": {"annotations": {"tests/tried-at": str(time.monotonic())}}})
        reasons = {crd["metadata"]["name"]: condition(crd, "Terminating").get("message") for crd in left}
        assert not left, f"the API server has not deleted {reasons}"
        return True

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            print(f"--- log of cert-manager ---\n{self.tail()}")
        self.stop()


_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def _established(crd: Object) -> bool:
    return condition(crd, "Established").get("status") == "True"
