"""Alerts about instances."""

from __future__ import annotations

from .. import metric_table as table
from .alert_rules import (
    CERTIFICATE,
    CERTIFICATE_REMAINING,
    CRYOSTAT,
    DURATION,
    INSTANCE,
    JOB,
    PERCENT,
    READY,
    REASON,
    REQUESTED,
    TARGET,
    Alert,
)

INSTANCE_ALERTS = (
    Alert(
        "CryostatNotReady",
        f"{READY} == 0 unless on ({INSTANCE})"
        f' {table.INSTANCE_CONDITION.name}{{{JOB},condition="Ready",reason=~"Paused|Hibernated|Deleting"}}',
        "15m",
        "warning",
        f"Cryostat {CRYOSTAT} is not ready.",
        "The condition Ready has the reason "
        "{{ range printf \"max by (reason) (cryostat_instance_condition{condition='Ready',cryostat_namespace='%s',"
        "cryostat_name='%s'})\" $labels.cryostat_namespace $labels.cryostat_name | query }}{{ .Labels.reason }} "
        "{{ end }}for 15 minutes. `kubectl cryostat status {{ $labels.cryostat_name }} -n "
        "{{ $labels.cryostat_namespace }}` shows the cause and the next command.",
    ),
    Alert(
        "CryostatSpecNotProcessed",
        f"max by ({INSTANCE}) ({table.INSTANCE_SPEC_OBSERVED.name}{{{JOB}}}) == 0",
        "10m",
        "warning",
        f"The spec of Cryostat {CRYOSTAT} has not been processed for ten minutes.",
        "The status is about an older spec. Check that a replica of the operator is leader, and read its log.",
    ),
    Alert(
        "CryostatVolumeNotReady",
        f"max by ({INSTANCE}, reason)"
        f' ({table.INSTANCE_CONDITION.name}{{{JOB},condition="VolumesReady",status="False"}}) == 1',
        "15m",
        "warning",
        f"A volume of Cryostat {CRYOSTAT} is not as requested: {REASON}.",
        "The condition VolumesReady names the PersistentVolumeClaim, the cause and the remedy.",
    ),
    Alert(
        "CryostatVolumeAlmostFull",
        "max by (namespace, persistentvolumeclaim)"
        " (kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes)"
        f" * on (namespace, persistentvolumeclaim) group_left ({INSTANCE}) ({REQUESTED} >= bool 0) < 0.1",
        "15m",
        "warning",
        f"A volume of Cryostat {CRYOSTAT} has {PERCENT} left.",
        "PersistentVolumeClaim {{ $labels.persistentvolumeclaim }} is almost full. When it is full, recordings or "
        "the database cannot be written. Delete recordings, or request a larger volume.",
    ),
    Alert(
        "CryostatCertificateExpiresSoon",
        f"{CERTIFICATE_REMAINING} < 7 * 86400",
        "1h",
        "warning",
        f"The certificate {CERTIFICATE} of Cryostat {CRYOSTAT} expires in {DURATION}.",
        "It should have been renewed. The condition TLSSetupComplete has the cause; with cert-manager check its "
        "controller.",
    ),
    Alert(
        "CryostatCertificateExpired",
        f"{CERTIFICATE_REMAINING} <= 0",
        "0m",
        "critical",
        f"The certificate {CERTIFICATE} of Cryostat {CRYOSTAT} has expired.",
        "Components or agents refuse connections. The condition TLSSetupComplete has the cause.",
    ),
    Alert(
        "CryostatAgentsNotAdded",
        f"sum by ({INSTANCE}, target_namespace)"
        f' (increase({table.AGENT_INJECTIONS.name}{{{JOB},result!="added"}}[30m])) > 0',
        "0m",
        "info",
        "Pods were created without the Cryostat agent that their labels request.",
        f"Cryostat: {CRYOSTAT}. Target namespace: {TARGET}. A name is empty if the labels of the pods name no existing "
        "Cryostat, or their namespace is not a target namespace. The events AgentNotAdded of the Cryostat have the "
        "cause.",
    ),
    Alert(
        "CryostatPaused",
        f"max by ({INSTANCE})"
        f' ({table.INSTANCE_CONDITION.name}{{{JOB},condition="ReconciliationActive",status="False"}}) == 1',
        "1d",
        "info",
        f"Cryostat {CRYOSTAT} has been paused for a day.",
        "The operator does not repair or change its objects. Remove the annotation "
        "operator.cryostat.io/pause-reconciliation to continue.",
    ),
)
