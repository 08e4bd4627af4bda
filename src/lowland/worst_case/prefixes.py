"""Values inside a network that several policies have in common, computed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, fx, nn

MOST_BYTES = 256 * 2**20
"""Of values that are kept; the ones that were not asked for the longest go first."""

Widths = tuple[int, ...]


class ChangesInPlaceError(Exception):
    """A step overwrites what it reads, so that what was kept is not what it was."""


class Prefixes:
    """The graph of a network, whose values are kept by the widths of the choices that they depend on.

    A value depends on the widths of those layers alone that lie on a way from the inputs to it. Policies that agree
    there share it: of two that differ in the last layer alone, all but that layer is computed once.

    Args:
        network: Module whose choices are submodules of class ``choice``; it is traced, not changed.
        choice: Class of the submodules that choose.
        numbers: Number of each choice by the name of its submodule.
        inputs: Of the rows that all values are of.
        most_bytes: Of kept values.

    Raises:
        Exception: Whatever tracing ends in, where the way through a network depends on its values.
    """

    def __init__(
        self,
        network: nn.Module,
        choice: type[nn.Module],
        numbers: Mapping[str, int],
        inputs: Tensor,
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        graph = _Tracer(choice).trace(network)
        self._nodes = [node for node in graph.nodes if node.op != "output"]
        self._position = {node: position for position, node in enumerate(self._nodes)}
        self._result = next(node for node in graph.nodes if node.op == "output").args[0]
        self._modules, self._network, self._inputs = (
            dict(network.named_modules(remove_duplicate=False)),
            network,
            inputs,
        )
        self._most, self.held = most_bytes, 0
        self._kept: OrderedDict[tuple[int, Widths], Any] = OrderedDict()
        self._below: dict[fx.Node, tuple[int, ...]] = {}
        for node in self._nodes:
            own: set[int] = (
                {numbers[str(node.target)]} if node.op == "call_module" and str(node.target) in numbers else set()
            )
            before = (number for each in node.all_input_nodes for number in self._below[each])
            self._below[node] = tuple(sorted(own.union(before)))

    def outputs(self, widths: Sequence[int]) -> Tensor:
        """What the network puts out under these widths; whoever chooses must have been told them.

        Args:
            widths: By number of the choice.

        Raises:
            ChangesInPlaceError: A step changed what it read.
        """
        values: dict[fx.Node, Any] = {}
        outputs: Tensor = fx.node.map_arg(self._result, lambda node: self._value(node, tuple(widths), values))
        return outputs

    def _value(self, node: fx.Node, widths: Widths, values: dict[fx.Node, Any]) -> Any:
        """Of a node, from what is kept or from the nodes before it."""
        if node in values:
            return values[node]
        key = self._position[node], tuple(widths[number] for number in self._below[node])
        if key in self._kept:
            self._kept.move_to_end(key)
            values[node] = self._kept[key]
            return values[node]
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda each: self._value(each, widths, values))
        read = [value for each in node.all_input_nodes for value in _tensors(values[each])]
        versions = [value._version for value in read]
        values[node] = result = self._called(node, args, kwargs)
        if [value._version for value in read] != versions:
            raise ChangesInPlaceError(node.format_node())
        if node.op != "get_attr":
            self._keep(key, result)
        return result

    def _called(self, node: fx.Node, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What a node computes."""
        if node.op == "placeholder":
            return self._inputs
        if node.op == "get_attr":
            value: Any = self._network
            for name in str(node.target).split("."):
                value = getattr(value, name)
            return value
        if node.op == "call_module":
            return self._modules[str(node.target)](*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        function: Callable[..., Any] = node.target  # type: ignore[assignment]  # of call_function it is one
        return function(*args, **kwargs)

    def _keep(self, key: tuple[int, Widths], result: Any) -> None:
        """Keeps a value, and lets others go where there are too many bytes; views count as if they were copies."""
        self._kept[key] = result
        self.held += _bytes(result)
        while self.held > self._most and len(self._kept) > 1:
            self.held -= _bytes(self._kept.popitem(last=False)[1])


class _Tracer(fx.Tracer):
    """Leaves choices whole, and all that has none in it, whatever its code does."""

    def __init__(self, choice: type[nn.Module]) -> None:
        super().__init__()
        self._choice = choice

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """See ``fx.Tracer``."""
        return isinstance(m, self._choice) or not any(isinstance(each, self._choice) for each in m.modules())


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [each for part in value for each in _tensors(part)] if isinstance(value, tuple | list) else []


def _bytes(value: Any) -> int:
    return sum(each.numel() * each.element_size() for each in _tensors(value))
