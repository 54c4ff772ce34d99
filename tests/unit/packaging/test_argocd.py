"""Settings and samples for GitOps tools. tests/programs/test_gitops.py runs the health assessment."""

from __future__ import annotations

from pathlib import Path

import yaml

from cryostat_operator.api.defaulting import with_defaults
from cryostat_operator.api.spec_warnings import warnings_for
from cryostat_operator.api.validation import read_cryostat
from cryostat_operator.packaging import argocd
from cryostat_operator.plan.model.reasons import Reason

GITOPS = Path(__file__).parents[3] / "manifests/gitops"


def test_exactly_the_fields_with_a_default_are_ignored() -> None:
    data = argocd.settings()["data"]
    ignored = yaml.safe_load(data["resource.customizations.ignoreDifferences.operator.cryostat.io_Cryostat"])
    defaults = with_defaults({"metadata": {"name": "x"}}, "here", creating=True)["spec"]
    assert ignored == {"jsonPointers": [f"/spec/{field}" for field in sorted(defaults)]}


def test_reasons_that_need_an_action_of_a_user() -> None:
    found = argocd.degraded_reasons()
    assert {"SecretNotFound", "DatabaseImagePullFailed", "MainPodUnschedulable", "InvalidSpec"} <= set(found)
    for waiting in ("DatabaseVolumePending", "MainDeploymentUnavailable", "Deleting", *argocd.SUSPENDED):
        assert waiting not in found
    assert set(argocd.SUSPENDED) <= {str(reason) for reason in Reason}
    for other in (Reason.CHANGED_BY_OTHERS, Reason.AGENT_NOT_ADDED, Reason.ALL_COMPONENTS_AVAILABLE, "ImagePullFailed"):
        assert other not in found, "Ready is not False for this reason"


def test_the_sample_has_every_default_and_no_warning() -> None:
    [body] = yaml.safe_load_all((GITOPS / "cryostat.yaml").read_text())
    assert with_defaults(body, body["metadata"]["namespace"], creating=True) == body
    read_cryostat({**body, "metadata": {**body["metadata"], "uid": "u"}})
    assert list(warnings_for(body)) == []
    wave = body["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
    assert int(wave) > 0, "after the operator"
