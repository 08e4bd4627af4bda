"""What the project's runners tell of, and ask, beside what Kedro's do."""

import pluggy
from kedro.framework.hooks import hook_impl
from kedro.framework.hooks.manager import _NullPluginManager
from kedro.pipeline import Node, Pipeline

from lowland.runners.own_hooks import left_of, own_hooks


def use(*_):
    return None


PIPELINE = Pipeline([Node(use, "raw", "a", name="one"), Node(use, "a", "b", name="two")])


class Guard:
    def __init__(self):
        self.told = []

    @hook_impl
    def made_before(self):
        return ["one"]

    @hook_impl
    def before_first_node(self):
        self.told.append("start")

    @hook_impl
    def after_node_saved(self, node):
        self.told.append(node.name)


def test_a_guard_is_asked_what_is_made_and_told_what_is_done():
    manager, guard = pluggy.PluginManager("kedro"), Guard()
    manager.register(guard)
    own = own_hooks(manager)
    (left,) = left_of(PIPELINE, own).nodes
    own.before_first_node()
    own.after_node_saved(left)
    assert guard.told == ["start", "two"]


def test_without_a_guard_everything_runs_and_nobody_is_told():
    for manager in (None, pluggy.PluginManager("kedro"), _NullPluginManager()):
        own = own_hooks(manager)
        assert left_of(PIPELINE, own) == PIPELINE
        own.before_first_node()
        own.after_node_saved(PIPELINE.nodes[0])
        own.after_interrupt()
