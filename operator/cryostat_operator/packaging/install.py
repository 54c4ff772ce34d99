"""The installation in manifests/: which objects each file contains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from ..plan.model.kinds import Obj
from ..plan.yaml_text import generated_file
from . import (
    alerts,
    argocd,
    dashboard,
    label_policy,
    leader_election_role,
    monitoring,
    operator_deployment,
    registration_policy,
    roles,
    webhook_manifests,
)
from .install_names import DOCUMENTATION, LABELS, NAMESPACE, SELECTOR, SERVICE_ACCOUNT, WEBHOOK_PORT


def files_of_install() -> Mapping[PurePosixPath, str]:
    """Return the generated files: path below the repository → content."""
    directory = PurePosixPath("manifests")
    prometheus = {f"monitoring/{name}": objects for name, objects in prometheus_objects().items()}
    gitops = {"gitops/argocd-cm.yaml": [argocd.settings()]}
    policies = {
        "policies/agent-labels.yaml": label_policy.objects(),
        "policies/webhook-registration.yaml": registration_policy.objects(),
    }
    objects_by_file = {**installation(), **prometheus, **gitops, **policies}
    texts = {name: generated_file(objects) for name, objects in objects_by_file.items()}
    # In a folder of its own, because `kubectl apply -f manifests/monitoring` reads every JSON file of the folder.
    texts[f"monitoring/dashboards/{dashboard.FILE}"] = dashboard.text(DOCUMENTATION)
    return {directory / name: text for name, text in texts.items()}


def installation() -> Mapping[str, list[Obj]]:
    """Return file name → objects. `kubectl apply -f manifests` creates the files in the order of their numbers."""
    return {
        "00-namespace.yaml": [operator_deployment.namespace()],
        "10-service-account.yaml": [operator_deployment.service_account()],
        "20-operator-role.yaml": [roles.operator_cluster_role(), roles.operator_cluster_role_binding()],
        "22-leader-election-role.yaml": leader_election_role.leader_election(NAMESPACE, SERVICE_ACCOUNT, LABELS),
        "25-webhook-registration-role.yaml": roles.webhook_registration(),
        "30-instance-roles.yaml": roles.instance_cluster_roles(),
        "32-author-roles.yaml": roles.author_cluster_roles(),
        "40-deployment.yaml": [operator_deployment.deployment()],
        "45-disruption-budget.yaml": [operator_deployment.disruption_budget()],
        "50-webhooks.yaml": webhook_manifests.objects(NAMESPACE, LABELS, SELECTOR),
        "60-network-policy.yaml": [operator_deployment.network_policy()],
        "70-metrics-service.yaml": [monitoring.service(NAMESPACE, LABELS, SELECTOR, WEBHOOK_PORT)],
    }


def prometheus_objects() -> Mapping[str, list[Obj]]:
    """Return file name → objects for clusters with the Prometheus operator, and with Grafana."""
    return {
        "metrics-reader.yaml": monitoring.metrics_reader(NAMESPACE, LABELS),
        "service-monitor.yaml": [monitoring.service_monitor(NAMESPACE, LABELS)],
        "prometheus-rule.yaml": [alerts.prometheus_rule(NAMESPACE, LABELS, DOCUMENTATION)],
        "grafana-dashboard.yaml": [dashboard.config_map(NAMESPACE, LABELS, DOCUMENTATION)],
    }
