"""Reads an instance with the permissions of the user."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ..api import constants
from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.diagnosis.foreign_policies import foreign_policies
from ..plan.model.kinds import KINDS, Obj, cryostat_path
from ..plan.model.times import seconds
from ..printable import printable
from .list_reader import ListReader, refusal
from .observed import LabeledPods, Observed, agent_selector, labeled_pods, owned_selector
from .operator_reader import OperatorFacts, change_failure, operator_facts
from .volume_usage import VolumeUsage, volume_usage

POD_SELECTOR = "kind=cryostat,app={}"
_OF_RELEASES = ("deployments", "pods", "persistentvolumeclaims")  # `releases` reads them
_POLICIES = ("networking.k8s.io", "v1", "networkpolicies")
_NO_OPERATOR = "You may not read the Deployment and the Lease of the operator, so it is not checked whether it runs."


@dataclass
class InstanceReader(ListReader):
    """Reads everything about single Cryostats. The operator and the nodes are read once for all of them."""

    _operator: OperatorFacts | None = None
    _webhook_failure: str = ""
    _node_statistics: dict[str, Obj | str] = field(default_factory=dict)

    async def observe(self, cryostat: Obj) -> Observed:
        """Read everything about one Cryostat.

        Raises:
            ApiError: the API server does not answer.
        """
        self.unreadable = {}
        namespace, name = cryostat["metadata"]["namespace"], cryostat["metadata"]["name"]
        targets = (cryostat.get("status") or {}).get("targetNamespaces") or [namespace]
        selector = owned_selector(namespace, name)
        objects: list[Obj] = []
        for kind in KINDS.values():
            objects += await self.read_anywhere(kind, (namespace, *targets), selector)
        pods = await self.read_list("", "v1", "pods", namespace, POD_SELECTOR.format(name))
        policies = await self.read_list(*_POLICIES, namespace)
        agents = await self._agents(namespace, name, targets)
        operator = await self._operator_facts()
        volumes, not_measured = await self._volumes(namespace, pods or ())
        return Observed(
            cryostat=cryostat,
            objects=tuple(objects),
            pods=tuple({"kind": "Pod", "apiVersion": "v1", **pod} for pod in pods or ()),
            events=tuple(await self._warnings(namespace, constants.KIND, [name])),
            pod_events=tuple(await self._warnings(namespace, "Pod", [pod["metadata"]["name"] for pod in pods or ()])),
            agents=agents,
            missing_namespaces=frozenset(
                [each for each in targets if not _has_pods(agents.get(each)) and await self.is_missing(each)]
            ),
            expiries=_expiries(objects),
            volumes=volumes,
            not_measured=tuple(not_measured),
            foreign_policies=foreign_policies(policies or (), pods or (), selector),
            operators=operator.deployments,
            lease=operator.lease,
            lease_is_renewed=operator.lease_is_renewed,
            webhook_failure=await self._change_failure(cryostat),
            unreadable=tuple(self.unreadable),
            refused=frozenset(kind for kind in _OF_RELEASES if refusal(kind, namespace) in self.unreadable),
        )

    async def _warnings(self, namespace: str, kind: str, names: Collection[str]) -> list[Obj]:
        """Warning events about the objects of a kind that have these names, oldest first."""
        if not names:
            return []
        selector = f"involvedObject.kind={kind},type=Warning"
        if len(names) == 1:
            selector += f",involvedObject.name={next(iter(names))}"
        found = await self.read_list("", "v1", "events", namespace, fields=selector) or []
        about = [event for event in found if _is_warning_about(event, kind, names)]
        return sorted(about, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))

    async def _agents(self, namespace: str, name: str, targets: Iterable[str]) -> dict[str, LabeledPods]:
        found = {}
        for target in targets:
            pods = await self.read_list("", "v1", "pods", target, agent_selector(namespace, name))
            if pods is not None:
                found[target] = labeled_pods(pods)
        return found

    async def _volumes(self, namespace: str, pods: Iterable[Obj]) -> tuple[dict[str, VolumeUsage], list[str]]:
        try:
            return await volume_usage(self.client, namespace, pods, self._node_statistics)
        except PermissionError as error:
            self.unreadable[str(error)] = None
            return {}, []

    async def _operator_facts(self) -> OperatorFacts:
        """The operator, read once for all instances."""
        if self._operator is None:
            self._operator = await operator_facts(self)
        if self._operator.deployments is None and self._operator.lease is None:
            self.unreadable[_NO_OPERATOR] = None
        return self._operator

    async def _change_failure(self, cryostat: Obj) -> str:
        """Return why changes of the Cryostat fail, or nothing. A failure is read once: it may take seconds."""
        self._webhook_failure = self._webhook_failure or await change_failure(self, cryostat)
        return self._webhook_failure


async def cryostats(client: Client, namespace: str, name: str | None) -> list[Obj]:
    """Return one Cryostat, or all of a namespace (empty: of all namespaces), sorted.

    Raises:
        ApiError: 404 if there is none of that name, 403 if the user may not read it.
    """
    answer = await client.request("GET", cryostat_path(namespace, name or ""))
    if "metadata" not in answer:
        message = "The server does not answer as a Kubernetes API server does; check the cluster of the context"
        raise ApiError(200, "Unexpected", message)
    if name:
        return [printable(answer)]
    found = printable(answer.get("items") or [])
    return sorted(found, key=lambda obj: (obj["metadata"]["namespace"], obj["metadata"]["name"]))


def _has_pods(found: LabeledPods | None) -> bool:
    return found is not None and found != LabeledPods()


def _is_warning_about(event: Obj, kind: str, names: Collection[str]) -> bool:
    about = event.get("involvedObject") or {}
    return event.get("type") == "Warning" and about.get("kind") == kind and about.get("name") in names


def _expiries(objects: Iterable[Obj]) -> dict[str, float]:
    """Ends of certificates: from Secrets with `tls.crt`, else from the status of cert-manager's Certificates."""
    found: dict[str, float] = {}
    for obj in objects:
        place = obj["metadata"].get("namespace", "")
        if obj["kind"] == "Secret" and (obj.get("data") or {}).get("tls.crt"):
            end = _not_after(obj["data"]["tls.crt"])
            name = obj["metadata"]["name"]
        elif obj["kind"] == "Certificate":
            end = seconds((obj.get("status") or {}).get("notAfter"))
            name = (obj.get("spec") or {}).get("secretName", obj["metadata"]["name"])
        else:
            continue
        if end is not None:
            found.setdefault(f"{place}/{name}", end)
    return found


def _not_after(encoded: str) -> float | None:
    """The end of a certificate in seconds since the epoch; None if it cannot be parsed."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(base64.b64decode(encoded))
    except ValueError:
        return None
    return certificate.not_valid_after_utc.timestamp()
