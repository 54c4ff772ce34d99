"""The tree of an instance for `make run`: read with the client of the tests, drawn by the package."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.text import Text

from cryostat_operator.api import constants
from cryostat_operator.inspect.instance_reader import POD_SELECTOR
from cryostat_operator.inspect.observed import Observed as Instance
from cryostat_operator.inspect.observed import owned_selector
from cryostat_operator.inspect.states import GOOD, WAITING
from cryostat_operator.inspect.tree import address, instance_tree
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, ApiError, Object

__all__ = ["GOOD", "Instance", "observe", "render"]


def observe(api: Api, namespace: str, name: str, *, pods: bool = False) -> Instance:
    """Read a Cryostat, the objects with its ownership labels and, if `pods`, its pods. Raises ApiError."""
    cryostat = api.get(constants.API_VERSION, constants.KIND, name, namespace)
    found = api.list("v1", "Pod", namespace, labelSelector=POD_SELECTOR.format(name)) if pods else ()
    return Instance(cryostat, tuple(_owned(api, owned_selector(namespace, name))), tuple(found))


def _owned(api: Api, selector: str) -> Iterator[Object]:
    for kind in KINDS.values():
        try:
            yield from api.list(kind.api_version, kind.kind, labelSelector=selector)
        except (LookupError, ApiError):
            continue  # the cluster does not serve this API, or the user may not read it


def render(instance: Instance, elapsed: float, height: int = 0) -> Group:
    """The tree of the instance, its conditions and its address.

    If the tree is longer than `height` lines (0: no limit), healthy objects are left out.
    """
    tree = Text.from_ansi("\n".join(instance_tree(instance, max(height - 4, 1) if height else 0)))
    tree.no_wrap, tree.overflow = True, "ellipsis"
    color = GOOD if instance.ready else WAITING
    done = "Ready" if instance.ready else "Not ready yet"
    head = Text(f"{done}, {elapsed:.0f} s after it was applied", style=f"bold {color}")
    where = Text(address(instance), style="bold" if instance.url else "dim")
    return Group(tree, Text(), Text("Application: ") + where, head)
