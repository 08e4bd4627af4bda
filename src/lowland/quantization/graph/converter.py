"""What is kept while a network's calls are turned into nodes: names, examples, sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.operators import operator
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.traced_network import Node
from lowland.quantization.graph.wires import Wire

EXAMPLE_ROWS = 3
"""Rows that shapes are found with: more than one, so that a dimension of size 1 is not taken for the rows."""

_TAKEN = (INPUTS, "input")

Made = TypeVar("Made")


class Converter:
    """Collects the nodes of a network that is being traced.

    Args:
        example: Inputs [rows, ...], or ``None``.
    """

    def __init__(self, example: Tensor | None) -> None:
        if example is not None:
            example = example.detach()[torch.arange(EXAMPLE_ROWS) % len(example)]
        self.inputs = Wire(INPUTS, example)
        self.nodes: dict[str, Node] = {}
        self.paths: dict[str, str] = {}
        self._calls: dict[tuple[Any, ...], Wire] = {}
        self._changing: set[int] = set()
        self._made: dict[tuple[Any, ...], tuple[Any, tuple[Any, ...]]] = {}
        self.place = self.name = self.path = ""

    def at(self, *, name: str, place: str, path: str = "") -> None:
        """Says which call of the network the next nodes come from.

        Args:
            name: What they are to be called.
            place: For messages.
            path: Of the module that was called, if it was one.
        """
        self.name, self.place, self.path = name, place, path

    def refuse(self, what: str) -> NoReturn:
        """A one-line refusal of the call at hand.

        Raises:
            LowlandError: Always.
        """
        raise LowlandError(f"{self.place} of the network{'' if what.startswith(',') else ' '}{what}")

    def needs_example(self) -> NoReturn:
        """Sizes are asked for that no example tells.

        Raises:
            LowlandError: Always.
        """
        self.refuse("depends on the sizes of its values; expected example=, some inputs [rows, ...], to know them")

    def emit(self, layer: nn.Module, *wires: Wire) -> Wire:
        """A node that computes with a layer.

        Args:
            layer: In evaluation mode from here on.
            wires: What it takes.
        """
        layer.eval()
        if getattr(layer, "inplace", False) is True:
            layer.inplace = False  # type: ignore[assignment]  # a value may have other readers
            self._changing.add(id(layer))
        call = (id(layer), *(wire.name for wire in wires))
        if call in self._calls:  # the same layer on the same values: computed once
            return self._calls[call]
        name = self._free(self.name)
        example = None
        examples = [wire.example for wire in wires]
        if all(value is not None for value in examples):
            try:
                with torch.no_grad(), torch.random.fork_rng(devices=[]):
                    example = layer(*examples)
            except RuntimeError as error:
                reason = str(error).partition("\n")[0]
                raise LowlandError(
                    f"{self.place} of the network cannot take values of shape "
                    f"{', '.join(str(tuple(value.shape[1:])) for value in examples if value is not None)} ({reason}); "
                    "expected example inputs like those it was made for"
                ) from error
            if isinstance(example, Tensor) and (example.ndim == 0 or len(example) != EXAMPLE_ROWS):
                self.refuse(
                    f"gives {tuple(example.shape)} for {EXAMPLE_ROWS} rows; expected rows first, each for itself"
                )
        self.nodes[name] = Node(name, tuple(wire.name for wire in wires), layer, self.place)
        self.paths[name] = self.path
        self._calls[call] = Wire(name, example)
        return self._calls[call]

    def once(self, make: Callable[[], Made], *of: Any) -> Made:
        """The layer or constant that was made of the same objects before, so that what is stored once is one layer.

        Args:
            make: Makes it.
            of: What it is made of: tensors and modules by identity, all else by value.
        """
        key = _identity(of)
        if key not in self._made:
            self._made[key] = make(), of  # kept, so that no other object gets the identity
        made: Made = self._made[key][0]
        return made

    def trained_in(self, layer: nn.Module) -> Iterator[Tensor]:
        """The trained tensors of the network that a layer stores: its parameters, and what it was made of."""
        yield from layer.parameters()
        for made, of in self._made.values():
            if made is layer:
                yield from (part for part in of if isinstance(part, Tensor) and part.requires_grad)

    def changed(self, wire: Wire) -> bool:
        """Whether a value was computed in place of what it was computed from."""
        return wire.name in self.nodes and id(self.nodes[wire.name].layer) in self._changing

    def shape(self, wire: Wire) -> tuple[int, ...]:
        """Sizes of a value behind its rows."""
        if wire.example is None:
            self.needs_example()
        return tuple(wire.example.shape[1:])

    def ndim(self, wire: Wire) -> int:
        """Number of dimensions, rows included."""
        return 1 + len(self.shape(wire))

    def dim(self, wire: Wire, dim: int) -> int:
        """A dimension counted from the front, which must not be the rows'."""
        if dim < 0:
            dim += self.ndim(wire)
        if dim == 0:
            self.refuse("works across the rows; expected each row for itself")
        return dim

    def reshape(self, wire: Wire, shape: tuple[int, ...]) -> Wire:
        """Another shape behind the rows."""
        return (
            wire
            if wire.example is not None and self.shape(wire) == shape
            else self.emit(operator("reshape", shape=shape), wire)
        )

    def permute(self, wire: Wire, dims: tuple[int, ...]) -> Wire:
        """Another order of dimensions, rows first."""
        if dims[0] != 0:
            self.refuse("moves the rows; expected them to stay the first dimension")
        return wire if dims == tuple(range(len(dims))) else self.emit(operator("permute", dims=dims), wire)

    def scaled(self, wire: Wire, factor: float) -> Wire:
        """A value times a number."""
        if not abs(factor) > 0 or factor in (float("inf"), float("-inf")):
            self.refuse(f"multiplies by {factor}; expected a finite number other than 0")
        return wire if factor == 1 else self.emit(operator("rescale", factor=float(factor)), wire)

    def affine(self, wire: Wire, weight: Tensor | None, bias: Tensor | None) -> Wire:
        """A value times a constant tensor plus another, each of a shape that goes with one row.

        Args:
            wire: The value.
            weight: Constant, or ``None`` for 1.
            bias: Constant, or ``None`` for 0.
        """
        constants = [constant.detach().to(torch.float32) for constant in (weight, bias) if constant is not None]
        if all(constant.numel() == 1 for constant in constants):
            return self._affine(wire, tuple(constant.reshape(1) for constant in constants), weight, bias, -1)
        shape = self.shape(wire)
        try:
            full = [torch.broadcast_to(constant, (1, *shape)) for constant in constants]
        except RuntimeError:
            self.refuse(
                f"combines values of shape {shape} a row with a constant of shape "
                f"{tuple(max(constants, key=Tensor.numel).shape)}; expected one that goes with every row"
            )
        given = [constant for constant in (weight, bias) if constant is not None]
        varying = [
            dim + 1
            for dim, size in enumerate(shape)
            if size > 1 and any(_varies(constant, value, dim + 1) for constant, value in zip(given, full, strict=True))
        ]
        if len(varying) > 1:  # every element has numbers of its own
            whole = tuple(value.reshape(-1) for value in full)
            flat = self.emit(nn.Flatten(), wire)
            return self.reshape(self._affine(flat, whole, weight, bias, -1), shape)
        dim = varying[0] if varying else len(shape)
        index = [slice(None) if place == dim else 0 for place in range(len(shape) + 1)]
        values = tuple(value[tuple(index)] for value in full)
        return self._affine(wire, values, weight, bias, dim - len(shape) - 1)

    def _affine(
        self, wire: Wire, values: tuple[Tensor, ...], weight: Tensor | None, bias: Tensor | None, dim: int
    ) -> Wire:
        def make() -> Affine:
            gain = torch.ones_like(values[0]) if weight is None else values[0]
            layer = affine_layer(gain, None if bias is None else values[-1], dim)
            layer.weight.requires_grad_(weight is not None and weight.requires_grad)
            if layer.bias is not None:
                layer.bias.requires_grad_(bias is not None and bias.requires_grad)
            return layer

        trained = any(constant is not None and constant.requires_grad for constant in (weight, bias))
        # What is trained is one layer wherever it multiplies; constants stand where they are.
        return self.emit(self.once(make, weight, bias, dim, tuple(values[0].shape)) if trained else make(), wire)

    def _free(self, name: str) -> str:
        """A name that nothing else has and that modules can have."""
        if hasattr(nn.ModuleDict, name):
            name += "_"
        count, free = 0, name
        while free in self.nodes or free in _TAKEN:
            count += 1
            free = f"{name}_{count}"
        return free


def _identity(part: Any) -> Any:
    """What tells an object from others: tensors and modules are themselves, all else is its value."""
    if isinstance(part, Tensor | nn.Module):
        return id(part)
    if isinstance(part, list | tuple):
        return tuple(map(_identity, part))
    if isinstance(part, Mapping):
        return tuple((name, _identity(value)) for name, value in part.items())
    return repr(part)


def _varies(constant: Tensor, full: Tensor, dim: int) -> bool:
    """Whether a constant has numbers of its own along a dimension; what is trained may have equal ones for now."""
    if constant.requires_grad:
        return dim - full.ndim + constant.ndim >= 0 and constant.shape[dim - full.ndim] > 1
    return bool((full != full.narrow(dim, 0, 1)).any())


def affine_layer(weight: Tensor, bias: Tensor | None, dim: int) -> Affine:
    """A factor and a summand for each channel as a layer.

    Args:
        weight: [channels].
        bias: [channels], or ``None``.
        dim: Dimension of the channels, counted from the last one.
    """
    layer = Affine(len(weight), dim=dim, bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None and layer.bias is not None:
            layer.bias.copy_(bias)
    return layer
