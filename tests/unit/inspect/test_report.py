"""The data that `status -o json` prints."""

from __future__ import annotations

import json
from dataclasses import replace

from cryostat_operator.inspect.instance_causes import causes
from cryostat_operator.inspect.observed import LabeledPods, Observed
from cryostat_operator.inspect.report import report
from cryostat_operator.inspect.volume_usage import VolumeUsage
from tests.unit.inspect.instance import NOW, condition, cryostat, deployment, owned, pod


def test_the_report_has_causes_states_and_certificates_and_no_secret_value() -> None:
    secret = owned("Secret", "sample-tls", data={"password": "aHVudGVy"})
    observed = Observed(
        cryostat(condition("Ready", "False", "Paused", "It is paused.")),
        (deployment(ready=0), secret),
        (pod("cryostat", "CrashLoopBackOff"),),
        agents={"here": LabeledPods(3, ("shop-1",))},
        expiries={"here/sample-tls": NOW + 86400 * 7.5},
        volumes={"sample-database": VolumeUsage(1, 2)},
    )
    assert report(replace(observed, not_measured=("a node",)), NOW, ())["volumesNotMeasured"] == ["a node"]
    data = report(observed, NOW, causes(observed, NOW))
    assert data["ready"] is False
    unknown = "not known (you may not read the Deployment of the operator)"
    assert data["release"] == f"nothing runs; desired: {unknown}; data: not recorded"
    assert data["releases"] == {"running": "nothing runs", "desired": "", "data": "not recorded"}
    assert data["causes"][0]["reason"] == "Paused"
    assert data["objects"][0]["images"] == {"sample": "quay.io/cryostat/sample:4.2.0"}
    assert data["pods"][0]["good"] is False
    assert data["certificates"] == [{"secret": "here/sample-tls", "notAfter": "2023-11-22T10:13:20Z", "daysLeft": 7}]
    assert data["volumes"] == [{"claim": "sample-database", "usedBytes": 1, "capacityBytes": 2}]
    [target] = data["targetNamespaces"]
    assert target == {"namespace": "here", "exists": True, "podsWithAgent": 3, "podsWithoutAgent": ["shop-1"]}
    [target] = report(replace(observed, agents={}), NOW, ())["targetNamespaces"]
    assert (target["podsWithAgent"], target["podsWithoutAgent"]) == (None, None)
    assert "aHVudGVy" not in json.dumps(data)
