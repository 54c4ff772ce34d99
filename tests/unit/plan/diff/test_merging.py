"""The live fields that a write keeps."""

from __future__ import annotations

from cryostat_operator.plan.diff.merging import merge
from tests.unit.plan.diff.objects import changed, deployment, obj


def test_values_that_admission_chose_stay() -> None:
    live = obj("Ingress", {"ingressClassName": "nginx", "rules": [{"host": "old"}]})
    written = merge(obj("Ingress", {"rules": [{"host": "new"}]}), live)
    assert written["spec"] == {"ingressClassName": "nginx", "rules": [{"host": "new"}]}
    service = merge(obj("Service", {"ports": []}), obj("Service", {"clusterIP": "10.0.0.1", "loadBalancerIP": "1"}))
    assert service["spec"] == {"loadBalancerIP": "1", "ports": []}


def test_annotations_of_others_on_pods_stay() -> None:
    live = changed(deployment(), "spec/template/metadata/annotations", {"of": "others"})
    template = merge(deployment(), live)["spec"]["template"]
    assert template["metadata"] == {"labels": {"app": "x"}, "annotations": {"of": "others"}}
