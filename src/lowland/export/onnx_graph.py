"""An ONNX graph as it grows: nodes, constants and names that are used once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lowland.errors import LowlandError
from lowland.export.places import NOWHERE
from lowland.export.results import Result

OPSET = 18
"""The first with all the operators that are needed; runtimes of the last years know it."""


def onnx_package() -> ModuleType:
    """The package ``onnx``.

    Raises:
        LowlandError: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise LowlandError(
            "ONNX needs the package onnx, which is not installed; pip install 'lowland[onnx]'"
        ) from error
    return onnx


class OnnxGraph:
    """Nodes and constants of an ONNX graph; every result is called by the name that ``node`` returns.

    Integers between nodes are int64 [rows, ...], so that every rule takes what every other one makes.
    """

    def __init__(self) -> None:
        self.helper = onnx_package().helper
        self.numpy_helper = onnx_package().numpy_helper
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.scope = ""
        self._prefix = ""
        self._count = 0

    def begin(self, step: str) -> None:
        """Name what follows after a step of the network."""
        self._prefix, self._count = self.scope + step, 0

    @contextmanager
    def body(self, step: str) -> Iterator[list[Any]]:
        """A graph inside the graph, of a step that repeats it: its nodes are gathered in the list.

        Its constants stand with all others; names of steps and of stored words begin with the step's from here on.
        """
        outside, self.nodes, self.scope = self.nodes, [], f"{self.scope}{step}."
        try:
            yield self.nodes
        finally:
            self.nodes, self.scope = outside, self.scope.removesuffix(f"{step}.")
            self.begin(f"{step}/behind")

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{self._prefix}/{self._count}_{what}"

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The result of an operator.

        Args:
            operator: Its ONNX name.
            inputs: Names of results and constants.
            attributes: Of the operator.
        """
        name = self._name(operator)
        self.nodes.append(self.helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def constant(self, values: Tensor | NDArray[Any] | Sequence[int] | int) -> str:
        """The name of numbers that stand in the file; Python's own integers become int64."""
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
        if not array.ndim and array.dtype == np.int64:  # the small ones occur over and over
            name = f"constant/{int(array)}"
            if name in self.constants:
                return name
        else:
            name = self._name("constant")
        self.constants[name] = self.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        return name

    def cast(self, name: str, dtype: type[np.generic]) -> str:
        """The same numbers in another type."""
        return self.node("Cast", name, to=self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def reshape(self, name: str, shape: Sequence[int]) -> str:
        """Every row in another shape.

        Args:
            name: Numbers [rows, ...].
            shape: Without rows.
        """
        return self.node("Reshape", name, self.constant([0, *shape]))

    def scan(self, body: Any, states: Sequence[str], sequences: Sequence[str]) -> str:
        """What a body gives at every place of sequences, place by place: the last of its results.

        Args:
            body: A graph of states, then one place of each sequence, that gives the next states, then one result.
            states: Before the first place.
            sequences: [places, rows, ...]: some runtimes know no other order.
        """
        result = self._name("Scan")
        outputs = [*(self._name("state") for _ in states), result]
        inputs = [*states, *sequences]
        node = self.helper.make_node("Scan", inputs, outputs, result, body=body, num_scan_inputs=len(sequences))
        self.nodes.append(node)
        return result

    def word(self, name: str, form: str, values: Tensor) -> str:
        """The name of a stored tensor, which stands in the file once, however many steps read it.

        Args:
            name: Of the tensor, as ``stored_name`` tells it.
            form: In which these steps read it.
            values: Integers.
        """
        full = f"{self.scope}{name}/{form}"
        if full not in self.constants:
            self.constants[full] = self.numpy_helper.from_array(values.contiguous().cpu().numpy(), full)
        return full

    def gather(self, name: str, places: Tensor, value: Result) -> str:
        """Numbers of each row by their places: ``NOWHERE`` is 0.

        Args:
            name: int64 [rows, ...], or floats.
            places: int64 of any shape, the row's numbers counted from 1.
            value: What a row holds.

        Returns:
            [rows, *places.shape].
        """
        flat = self.reshape(name, [value.size])
        if bool((places == NOWHERE).any()):
            zero = self.constant(np.array(0, np.float32) if value.is_float else 0)
            flat = self.node("Pad", flat, self.constant([0, 1, 0, 0]), zero)
        else:
            places = places - 1
        return self.node("Gather", flat, self.constant(places), axis=1)
