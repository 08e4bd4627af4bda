"""What the project's runners tell of beside what Kedro's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kedro.pipeline.node import Node
from pluggy import PluginManager


class OwnHooks(NamedTuple):
    """Hooks that Kedro does not know; they do nothing where nobody implements them.

    Attributes:
        before_first_node: The workers stand ready, and the run is sure to start.
        after_node_saved: A node is done and its outputs are saved; told in the main process, unlike Kedro's
            ``after_node_run``.
    """

    before_first_node: Callable[[], object]
    after_node_saved: Callable[[Node], object]


def own_hooks(manager: PluginManager | None) -> OwnHooks:
    """Those of a run.

    Args:
        manager: Kedro's, if there is one.
    """
    hooks = getattr(manager, "hook", None)
    started, saved = (getattr(hooks, name, None) for name in OwnHooks._fields)
    return OwnHooks(
        before_first_node=lambda: started() if started else None,
        after_node_saved=lambda node: saved(node=node) if saved else None,
    )
