"""What the project's runners tell of beside what Kedro's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pluggy import PluginManager


class OwnHooks(NamedTuple):
    """Hooks that Kedro does not know; they do nothing where nobody implements them.

    Attributes:
        made_before: Names of the nodes that need not run, for their outputs are there.
        before_first_node: The workers stand ready, and the run is sure to start.
        after_node_saved: A node is done and its outputs are saved; told in the main process, unlike Kedro's
            ``after_node_run``.
        after_interrupt: The run is broken off and nothing runs any more; Kedro tells of errors only.
    """

    made_before: Callable[[], frozenset[str]]
    before_first_node: Callable[[], object]
    after_node_saved: Callable[[Node], object]
    after_interrupt: Callable[[], object]


def left_of(pipeline: Pipeline, own: OwnHooks) -> Pipeline:
    """The nodes that are to run.

    Args:
        pipeline: With those that need not.
        own: The run's hooks.
    """
    made = own.made_before()
    return Pipeline([node for node in pipeline.nodes if node.name not in made]) if made else pipeline


def own_hooks(manager: PluginManager | None) -> OwnHooks:
    """Those of a run.

    Args:
        manager: Kedro's, if there is one.
    """
    hooks = getattr(manager, "hook", None)
    given, started, saved, interrupted = (getattr(hooks, name, None) for name in OwnHooks._fields)
    return OwnHooks(
        # Kedro's stand-in for a manager answers nothing to any call
        made_before=lambda: frozenset(name for names in (given() if given else None) or () for name in names),
        before_first_node=lambda: started() if started else None,
        after_node_saved=lambda node: saved(node=node) if saved else None,
        after_interrupt=lambda: interrupted() if interrupted else None,
    )
