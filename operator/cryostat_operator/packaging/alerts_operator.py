"""Alerts about the operator."""

from __future__ import annotations

from .. import metric_table as table
from .alert_rules import JOB, PERCENT, Alert

OPERATOR_ALERTS = (
    Alert(
        "CryostatOperatorDown",
        f"absent(up{{{JOB}}} == 1)",
        "5m",
        "critical",
        "No Cryostat operator is running.",
        "Instances are not reconciled, and no Cryostat can be created or changed. Check the pods of the operator.",
    ),
    Alert(
        "CryostatOperatorWithoutLeader",
        f"sum({table.LEADER.name}{{{JOB}}}) < 1",
        "2m",
        "critical",
        "No replica of the Cryostat operator is leader.",
        "Instances are not reconciled, and their statuses are old. Check the Lease and the log of the operator.",
    ),
    Alert(
        "CryostatOperatorWatchSilent",
        f"max({table.WATCH_SILENCE.name}{{{JOB}}}) > 300",
        "5m",
        "warning",
        "The Cryostat operator has received nothing from the API server for five minutes.",
        "It may act on an old state. A replica restarts after ten minutes. Check the API server and its network.",
    ),
    Alert(
        "CryostatOperatorCrashing",
        f'sum(rate({table.RECONCILES.name}{{{JOB},result="error"}}[10m])) > 0',
        "15m",
        "warning",
        "The Cryostat operator has internal errors.",
        "Affected Cryostats have the condition Ready with the reason InternalError. See the log of the operator.",
    ),
    Alert(
        "CryostatOperatorRefused",
        f"sum by (reason) (increase({table.RECONCILE_ERRORS.name}{{{JOB}}}[30m])) > 0",
        "30m",
        "warning",
        "The API server refuses writes of the Cryostat operator: {{ $labels.reason }}.",
        "Objects of a Cryostat are not as its spec requests. Its condition Reconciled names the object and the cause.",
    ),
    Alert(
        "CryostatOperatorApiServerErrors",
        f'sum(rate({table.API_REQUESTS.name}{{{JOB},code=~"0|5.."}}[10m]))'
        f" / sum(rate({table.API_REQUESTS.name}{{{JOB}}}[10m])) > 0.1",
        "15m",
        "warning",
        "More than 10 % of the Cryostat operator's requests to the API server fail.",
        f"In the last ten minutes {PERCENT} failed. The operator retries. Check the API server.",
    ),
    Alert(
        "CryostatOperatorWebhooksFailing",
        f'sum by (path) (rate({table.WEBHOOK_DURATION.name}_count{{{JOB},code=~"5.."}}[10m])) > 0',
        "15m",
        "warning",
        "The webhook {{ $labels.path }} of the Cryostat operator answers with errors.",
        "Cryostats cannot be created or changed, or pods start without the agent. The cause is in the log of the "
        "operator.",
    ),
    Alert(
        "CryostatOperatorWebhookUnreachable",
        f"min({table.WEBHOOK_REACHABLE.name}{{{JOB}}}) == 0",
        "10m",
        "critical",
        "The API server cannot call the webhooks of the Cryostat operator.",
        "No Cryostat can be created or changed, and pods start without the agent. Check firewalls and NetworkPolicies "
        "between the API server and the operator.",
    ),
)
