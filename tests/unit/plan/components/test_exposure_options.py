"""Whether a Route or an Ingress exposes the application."""

from __future__ import annotations

from cryostat_operator.plan.components import exposure_options
from tests.unit.plan.components.exposed import instance, rule


def test_routes_take_precedence() -> None:
    spec = {"rules": [rule("a")]}
    assert exposure_options.has_ingress(instance(spec))
    assert not exposure_options.has_ingress(instance(spec, openshift=True))
    assert exposure_options.has_route(instance(spec, openshift=True))
    assert not exposure_options.has_ingress(instance({}))
