"""Calls that change what they are given: from then on their result stands wherever that value stood."""

from __future__ import annotations

import operator as operators
from collections.abc import Iterator, Mapping
from typing import Any

from torch import fx, nn

IN_PLACE = {"iadd": operators.iadd, "isub": operators.isub, "imul": operators.imul, "itruediv": operators.itruediv}
"""The operators of augmented assignments, ``x += y`` and the like."""

_SAME = ("contiguous", "detach", "dropout", "float", "to")
_VIEWS = (
    "flatten", "getattr", "getitem", "narrow", "permute", "reshape", "select", "split", "chunk", "squeeze", "swapaxes",
    "transpose", "unbind", "unflatten", "unsqueeze", "view", "view_as",
)  # fmt: skip
_VIEWING = (nn.Flatten, nn.Unflatten)


class AssigningProxy(fx.Proxy):
    """Records augmented assignments as such; ``fx.Proxy`` would record ``x = x + y``, which changes nothing else."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._assigned("iadd", other)

    def __isub__(self, other: Any) -> fx.Proxy:
        return self._assigned("isub", other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._assigned("imul", other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._assigned("itruediv", other)

    def _assigned(self, name: str, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", IN_PLACE[name], (self, other), {})


class Memory:
    """Which results of calls lie in the same memory.

    Args:
        modules: Those of the network by path.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self._modules = modules
        self._order: dict[fx.Node, int] = {}
        self._owner: dict[fx.Node, fx.Node] = {}
        self._view: dict[fx.Node, fx.Node | None] = {}

    def add(self, node: fx.Node, *, unchanged: bool = False) -> None:
        """One more result.

        Args:
            node: The call that gives it.
            unchanged: Whether it is its first operand.
        """
        self._order[node] = len(self._order)
        self._owner[node], self._view[node] = node, None
        source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        if source is None or source not in self._owner:
            return
        name = called_name(node)
        views = isinstance(self._modules.get(str(node.target)), _VIEWING) if name is None else name in _VIEWS
        if views:
            self._owner[node], self._view[node] = self._owner[source], node
        elif name in _SAME or changes_by_name(node) or (unchanged and name != "clone"):
            self._owner[node], self._view[node] = self._owner[source], self._view[source]

    def same(self, node: fx.Node) -> Iterator[fx.Node]:
        """The results that are this one, itself included.

        Args:
            node: Whose result it is.
        """
        for other, owner in self._owner.items():
            if owner is self._owner[node] and self._view[other] is self._view[node]:
                yield other

    def used_otherwise(self, node: fx.Node, source: fx.Node) -> fx.Node | None:
        """A result that is another view of the same memory and is used after a call.

        Args:
            node: The call, which changes the memory.
            source: What it changes.
        """
        for other, owner in self._owner.items():
            another = owner is self._owner[source] and self._view[other] is not self._view[source]
            if another and any(user is not node and user not in self._order for user in other.users):
                return other
        return None


def changes_by_name(node: fx.Node) -> bool:
    """Whether a function or method changes its first operand: ``relu_``, ``x += y``."""
    name = called_name(node)
    return name is not None and (name in IN_PLACE or (name.endswith("_") and not name.endswith("__")))


def called_name(node: fx.Node) -> str | None:
    """The name of a function or method; ``None`` of layers and inputs."""
    if node.op not in ("call_function", "call_method"):
        return None
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
