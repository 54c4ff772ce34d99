"""The row of the Grafana dashboard about Cryostats."""

from __future__ import annotations

from .. import metric_table as table
from .dashboard_panel import NONE_IS_GOOD, OF_OPERATOR, ONE_IS_GOOD, STAT_HEIGHT, YES_OR_NO, Kind, Panel, Query, Row

INSTANCE_LABELS = table.INSTANCE_READY.label_names
_INSTANCE = ", ".join(INSTANCE_LABELS)
_NAMESPACE, _NAME = INSTANCE_LABELS
OF_INSTANCES = f'{OF_OPERATOR}, {_NAMESPACE}=~"$namespace", {_NAME}=~"$name"'
"""Selects the Cryostats by the variables of the dashboard."""

_CRYOSTAT = {_NAMESPACE: "Namespace", _NAME: "Name"}
_DAYS = ((None, "red"), (7, "orange"), (30, "green"))
_READY = f"min by ({_INSTANCE}) ({table.INSTANCE_READY.name}{{{OF_INSTANCES}}})"
_OBSERVED = f"min by ({_INSTANCE}) ({table.INSTANCE_SPEC_OBSERVED.name}{{{OF_INSTANCES}}})"
_NOT_AFTER = f"min by ({_INSTANCE}, certificate) ({table.CERTIFICATE_NOT_AFTER.name}{{{OF_INSTANCES}}})"
_DAYS_LEFT = f"({_NOT_AFTER} - time()) / 86400"

INSTANCES = Row(
    1,
    "Instances",
    (
        Panel(
            2,
            "Ready",
            "Number of Cryostats with the condition Ready = True.",
            Kind.STAT,
            (Query(f"sum({_READY})", "ready"),),
            "none",
            width=4,
            height=STAT_HEIGHT,
        ),
        Panel(
            3,
            "Not ready",
            "Number of Cryostats with a condition Ready that is not True. "
            "Paused and hibernated Cryostats count. The table of conditions has the reasons.",
            Kind.STAT,
            (Query(f"count({_READY} == 0) or vector(0)", "not ready"),),
            "none",
            width=4,
            height=STAT_HEIGHT,
            thresholds=NONE_IS_GOOD,
        ),
        Panel(
            4,
            "Spec not processed",
            "Number of Cryostats with a status about an older spec. More than 0 for minutes: check the operator.",
            Kind.STAT,
            (Query(f"count({_OBSERVED} == 0) or vector(0)", "not processed"),),
            "none",
            width=4,
            height=STAT_HEIGHT,
            thresholds=NONE_IS_GOOD,
        ),
        Panel(
            5,
            "Days until the first certificate expires",
            "The operator or cert-manager renews certificates before they expire. If it is less than 7 days, see the "
            "condition TLSSetupComplete.",
            Kind.STAT,
            (Query(f"min({_DAYS_LEFT})", "days left"),),
            "suffix:days",
            width=6,
            height=STAT_HEIGHT,
            thresholds=_DAYS,
        ),
        Panel(
            6,
            "Pods without their agent",
            "Pods that were created in the selected time without the agent that their labels request. "
            "The events AgentNotAdded of the Cryostat have the cause.",
            Kind.STAT,
            (Query(
                f'round(sum(increase({table.AGENT_INJECTIONS.name}{{{OF_INSTANCES}, result!="added"}}[$__range])))'
                " or vector(0)",
                "not added",
            ),),
            "none",
            width=6,
            height=STAT_HEIGHT,
            thresholds=NONE_IS_GOOD,
        ),
        Panel(
            7,
            "Cryostats",
            "Ready: the condition Ready is True. Spec processed: the status is about the newest spec.",
            Kind.TABLE,
            (Query(_READY, "Ready"), Query(_OBSERVED, "Spec processed")),
            "none",
            width=10,
            columns=_CRYOSTAT,
            texts=YES_OR_NO,
        ),
        Panel(
            8,
            "Conditions that are not True",
            "`kubectl cryostat status NAME -n NAMESPACE` shows the message, the cause and the next command.",
            Kind.TABLE,
            (Query(
                f"max by ({_INSTANCE}, condition, status, reason)"
                f' ({table.INSTANCE_CONDITION.name}{{{OF_INSTANCES}, status!="True"}})',
                "",
            ),),
            "none",
            width=14,
            columns={**_CRYOSTAT, "condition": "Condition", "status": "Status", "reason": "Reason"},
        ),
        Panel(
            9,
            "Ready over time",
            "The condition Ready of each Cryostat. Gaps: no replica of the operator was scraped.",
            Kind.STATE_TIMELINE,
            (Query(_READY, f"{{{{{_NAMESPACE}}}}}/{{{{{_NAME}}}}}"),),
            "none",
            width=24,
            height=6,
            thresholds=ONE_IS_GOOD,
            texts=YES_OR_NO,
        ),
        Panel(
            10,
            "Certificates",
            "Days until each certificate expires. `agents`: the first to expire of all target namespaces.",
            Kind.TABLE,
            (Query(_DAYS_LEFT, "Days left"),),
            "suffix:days",
            width=12,
            columns={**_CRYOSTAT, "certificate": "Certificate"},
            thresholds=_DAYS,
        ),
        Panel(
            11,
            "Volumes",
            "Sizes that the PersistentVolumeClaims request. The alert CryostatVolumeAlmostFull watches their use.",
            Kind.TABLE,
            (Query(
                f"max by ({_INSTANCE}, persistentvolumeclaim) ({table.VOLUME_REQUESTED.name}{{{OF_INSTANCES}}})",
                "Requested",
            ),),
            "bytes",
            width=12,
            columns={**_CRYOSTAT, "persistentvolumeclaim": "PersistentVolumeClaim"},
        ),
        Panel(
            12,
            "Agents added to new pods",
            "Reviews of new pods whose labels request the agent, by target namespace and result. "
            "Without a namespace: the labels name no existing Cryostat, or one without this target namespace.",
            Kind.TIME_SERIES,
            (Query(
                f"sum by (target_namespace, result)"
                f" (increase({table.AGENT_INJECTIONS.name}{{{OF_INSTANCES}}}[$__rate_interval]))",
                "{{target_namespace}} {{result}}",
            ),),
            "short",
            width=24,
        ),
    ),
)  # fmt: skip
