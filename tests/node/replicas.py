"""The pods of the operator."""

from __future__ import annotations

from tests.cluster.api import Object
from tests.cluster.operator_process import NAMESPACE
from tests.node.installation import operator_available
from tests.node.instance import wait_until
from tests.node.node import Node


def replicas(node: Node) -> list[Object]:
    """Wait until there are only two pods of the operator, and return them."""

    def exactly_two() -> list[Object] | None:
        found = node.api.list("v1", "Pod", NAMESPACE)
        return found if len(found) == 2 and operator_available(node.api) else None

    return wait_until(exactly_two, "two pods of the operator are left") or []
