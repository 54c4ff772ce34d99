"""Specs with and without logins."""

from __future__ import annotations

from typing import Any

from cryostat_operator.plan.model.kinds import Key
from tests.unit.cluster_state import NAMESPACE

PROXY = "sample-auth-proxy"
LOGIN = Key("Secret", NAMESPACE, "sample-basic-auth")
OPEN: dict[str, Any] = {"authorizationOptions": {"openShiftSSO": {"disable": True}}}
FILE: dict[str, Any] = {"authorizationOptions": {"basicAuth": {"secretName": "users", "filename": "users.htpasswd"}}}
BOTH = {"authorizationOptions": {**OPEN["authorizationOptions"], **FILE["authorizationOptions"]}}
