"""The tree of an instance for `make run`: read with the client of the tests, drawn by the package."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.text import Text

from cryostat_operator.api import constants
from cryostat_operator.inspect.observed import Observed as Instance
from cryostat_operator.inspect.observed import owned_selector
from cryostat_operator.inspect.reader import POD_SELECTOR
from cryostat_operator.inspect.states import GOOD, WAITING
from cryostat_operator.inspect.tree import address, instance_tree
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, ApiError, Object

__all__ = ["GOOD", "Instance", "observe", "render"]


def observe(api: Api, namespace: str, name: str, *, pods: bool = False) -> Instance:
    """Reads the resource, everything that is marked as belonging to it, and its pods if asked for. Raises ApiError."""
    cryostat = api.get(constants.API_VERSION, constants.KIND, name, namespace)
    found = api.list("v1", "Pod", namespace, labelSelector=POD_SELECTOR.format(name)) if pods else ()
    return Instance(cryostat, tuple(_marked(api, owned_selector(namespace, name))), tuple(found))


def _marked(api: Api, selector: str) -> Iterator[Object]:
    for kind in KINDS.values():
        try:
            yield from api.list(kind.api_version, kind.kind, labelSelector=selector)
        except (LookupError, ApiError):
            continue  # an API that this cluster does not have, or that the user may not read


def render(instance: Instance, elapsed: float, height: int = 0) -> Group:
    """The tree of the instance, its conditions and its address.

    Where it would be taller than `height` lines (0: no limit), objects that are well are not listed.
    """
    tree = Text.from_ansi("\n".join(instance_tree(instance, max(height - 4, 1) if height else 0)))
    tree.no_wrap, tree.overflow = True, "ellipsis"
    color = GOOD if instance.ready else WAITING
    done = "Ready" if instance.ready else "Not ready yet"
    head = Text(f"{done}, {elapsed:.0f} s after it was applied", style=f"bold {color}")
    where = Text(address(instance), style="bold" if instance.url else "dim")
    return Group(tree, Text(), Text("Application: ") + where, head)
