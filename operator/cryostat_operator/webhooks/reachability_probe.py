"""Checks whether the API server can call the webhooks while there is no Cryostat, with a Deployment in a dry run.

The webhook for Deployments copies the labels of the agent to the pod template. If it does not answer, the API server
creates the Deployment unchanged (failure policy `Ignore`), so the answer to the dry run shows whether it was called.
"""

from __future__ import annotations

from ..api import constants
from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Obj, resource_path

NAME = f"{constants.PLURAL}-webhook-check"  # never stored


class ReachabilityProbe:
    """Sends the dry run.

    Args:
        client: sends the requests.
        namespace: where the Deployment would be created: the namespace of the operator.
        configuration: name of the MutatingWebhookConfiguration.
    """

    def __init__(self, client: Client, namespace: str, configuration: str) -> None:
        self._client = client
        self._namespace = namespace
        self._configuration = configuration

    async def is_reachable(self) -> bool | None:
        """Return whether the API server called the webhook; None if this cannot be concluded. Never raises ApiError."""
        path = resource_path("apps", "v1", "deployments", self._namespace)
        try:
            answer = await self._client.request("POST", path, body=_deployment(), params={"dryRun": "All"})
            template = (answer.get("spec") or {}).get("template") or {}
            if constants.AGENT_LABEL_NAME in ((template.get("metadata") or {}).get("labels") or {}):
                return True
            return False if await self._is_selected() else None
        except ApiError:  # a policy of the cluster may refuse the Deployment
            return None

    async def _is_selected(self) -> bool:
        """Return whether the webhook is registered for every namespace: administrators may exclude some."""
        name, group = self._configuration, "admissionregistration.k8s.io"
        path = resource_path(group, "v1", "mutatingwebhookconfigurations", name=name)
        webhooks = ((await self._client.get_or_none(path)) or {}).get("webhooks") or []
        return bool(webhooks) and not any(each.get("namespaceSelector") for each in webhooks)


def _deployment() -> Obj:
    agent = {constants.AGENT_LABEL_NAME: NAME, constants.AGENT_LABEL_NAMESPACE: NAME}
    own = {"app": NAME}
    pod = {"metadata": {"labels": own}, "spec": {"containers": [{"name": "check", "image": "check"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": own}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME, "labels": agent}, "spec": spec}
