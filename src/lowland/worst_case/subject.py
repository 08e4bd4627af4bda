"""A network whose activations are coded anew, before every layer with weights, in as many bits as a policy says."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.dynamic.arithmetic import ActivationCoding, arithmetic_of
from lowland.quantization.dynamic.layers import CodedLayer, RoundedActivations
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.quantization.graph.operations import OPERATIONS, own_kind
from lowland.worst_case.guard import Guard
from lowland.worst_case.policies import Chooser
from lowland.worst_case.prefixes import MOST_BYTES, Prefixes

OWN_BITS = 8
"""Width of activation codes in all runtimes with dynamic arithmetic."""

RUNTIME = "litert"
"""Whose coding integer and float networks are given, whose own does not follow the inputs."""

SUMMING = frozenset(OPERATIONS) - {"affine"}
"""Kinds of layers that sum over what they read; one that scales channels is no place for a width of its own."""


class _Point(nn.Module):
    """A layer before which a policy chooses; without one, and without a guard, it is as it was."""

    def __init__(self, layer: nn.Module, number: int, own_bits: int, coding: ActivationCoding | None) -> None:
        super().__init__()
        self.layer, self.number, self.own_bits = layer, number, own_bits
        self.choose: Chooser | None = None
        self.guard: Guard | None = None
        self.row_dims = max(1, cast(Tensor, layer.weight).ndim - 1)
        self.rounding: RoundedActivations | None = None
        if coding is not None:
            self.rounding = RoundedActivations(coding, bits=own_bits, row_dims=self.row_dims)

    def forward(self, values: Tensor) -> Tensor:
        """The layer at the chosen width; one of so many bits as it has, or more, leaves it as it is."""
        if self.guard is not None:
            values = self.guard.clipped(values)
        bits: int | Tensor = self.own_bits if self.choose is None else self.choose(self.number, values)
        if isinstance(bits, Tensor):
            if bits.shape != (len(values),):
                raise LowlandError(
                    f"policy gives {list(bits.shape)} widths for {len(values)} rows of layer {self.number}; expected "
                    "one a row: the layer sees other rows than the network, so use a static policy"
                )
            bits = bits.clamp(max=self.own_bits).reshape(-1, *[1] * (values.ndim - 1))
        else:
            bits = min(bits, self.own_bits)
        most, outliers = values, None
        if self.guard is not None and self.guard.outlier_share:
            most, outliers = self.guard.parted(values, row_dims=self.range_dims(values))
        if self.rounding is None:
            result: Tensor = self.layer(most, bits, outliers=outliers)
            return result
        if isinstance(bits, Tensor) or bits < self.own_bits:
            coded = self.rounding(most, bits) + (0 if outliers is None else self.rounding(outliers, self.own_bits))
            values = torch.where(bits < self.own_bits, coded, values) if isinstance(bits, Tensor) else coded
        result = self.layer(values)
        return result

    def range_dims(self, values: Tensor) -> int:
        """Dimensions, the last ones, of values that share a range: of a row, or of the whole batch."""
        coding = self.layer.arithmetic.activations if isinstance(self.layer, CodedLayer) else None
        by_batch = coding is not None and coding.granularity == "batch"
        return values.ndim if by_batch else self.row_dims


def _lies_in(path: str, float_from: str) -> bool:
    """Whether a layer belongs to what stays float; networks of integers join the names on the way to it by ``_``."""
    inner = path.removeprefix("network.").removeprefix(".").removeprefix("layers.")
    return f"{inner}.".startswith((f"{float_from}.", f"{float_from.replace('.', '_')}."))


class PolicySubject(nn.Module):
    """A network with a choice of width before each of its layers with weights, in the order in which they compute.

    The layers of a ``DynamicNetwork`` are computed in its own arithmetic at the chosen width. In any other network
    (that of an integer network is its ``dequantized()``) what a layer reads is coded by row as LiteRT does and decoded
    again; a width that is not below the layer's own changes nothing there.

    Args:
        network: A ``DynamicNetwork`` or any module with torch's own layers; left as it came.
        sample: Inputs [rows, ...], one at least, which tell the order of the layers and how much they code.
        own_bits: Width that the activations have already, of all layers or by name; 8 where nothing is said. Dynamic
            networks know their own.
        float_from: Layer from which on the network is not deployed, so that no policy reaches it.

    Raises:
        LowlandError: No layer that codes.
    """

    def __init__(
        self,
        network: nn.Module,
        sample: Tensor,
        *,
        own_bits: int | Mapping[str, int] = OWN_BITS,
        float_from: str | None = None,
    ) -> None:
        super().__init__()
        dynamic = isinstance(network, DynamicNetwork)
        coding = None if dynamic else arithmetic_of(RUNTIME).activations
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        points: dict[int, _Point] = {}
        names: dict[int, str] = {}
        for parent_name, parent in list(self.network.named_modules()):
            for child_name, child in list(parent._modules.items()):
                codes = isinstance(child, CodedLayer) and child.arithmetic.activations is not None
                if child is None or not (codes if dynamic else own_kind(child) in SUMMING):
                    continue
                if float_from is not None and _lies_in(f"{parent_name}.{child_name}", float_from):
                    continue
                if id(child) not in points:
                    names[id(child)] = name = f"{parent_name}.{child_name}".removeprefix("network.").lstrip(".")
                    width = own_bits.get(name, OWN_BITS) if isinstance(own_bits, Mapping) else own_bits
                    width = child.widths.activation_bits if isinstance(child, CodedLayer) else width
                    points[id(child)] = _Point(child, -1, width, coding)
                parent._modules[child_name] = points[id(child)]
        coded: dict[int, int] = {}  # elements a row of every layer, in the order of the first calls

        def counter(key: int, own_bits: int) -> Chooser:
            def count(_: int, values: Tensor) -> int:
                coded[key] = coded.get(key, 0) + values[0].numel()
                return own_bits

            return count

        for key, point in points.items():
            point.choose = counter(key, point.own_bits)
        with torch.no_grad():
            self.network(sample[:1])
        if not coded:
            raise LowlandError("network has no layer whose activations a policy could code; expected one with weights")
        for number, key in enumerate(coded):
            points[key].number, points[key].choose = number, None
        self.points = tuple(points[key] for key in coded)
        self.layers = tuple(names[key] for key in coded)
        self.elements = tuple(coded.values())
        self.own_bits = tuple(point.own_bits for point in self.points)

    def forward(self, inputs: Tensor, choose: Chooser | None = None) -> Tensor:
        """Outputs [rows, ...] under a policy's chooser; without one those of the network as it is.

        Args:
            inputs: Floats [rows, ...].
            choose: See ``Policy.chooser``.
        """
        with self.choosing(choose):
            outputs: Tensor = self.network(inputs)
        return outputs

    @property
    def rows_together(self) -> int:
        """How many rows are computed at once and have a scale in common; 1 where every row has its own."""
        network = self.network
        if not isinstance(network, DynamicNetwork) or not network.depends_on_batch:
            return 1
        return network.conversion.batch_rows or 1

    def guarded(self, guards: Mapping[str, Guard]) -> PolicySubject:
        """A copy whose layers code what they read with care, under a policy and without one.

        Args:
            guards: By name of the layer; layers that are not named stay as they are.

        Raises:
            LowlandError: A layer that there is not.
        """
        for name in guards:
            if name not in self.layers:
                raise LowlandError(f"guards name {name!r}; expected some of {', '.join(self.layers)}")
        copied = copy.deepcopy(self)
        for name, point in zip(copied.layers, copied.points, strict=True):
            point.guard = guards.get(name, point.guard)
        return copied

    @contextmanager
    def choosing(self, choose: Chooser | None) -> Iterator[None]:
        """A context in which the layers ask a chooser."""
        for point in self.points:
            point.choose = choose
        try:
            yield
        finally:
            for point in self.points:
                point.choose = None

    def prefixes(self, inputs: Tensor, *, most_bytes: int = MOST_BYTES) -> Prefixes | None:
        """The network's values on some rows, kept by widths; ``None`` where the way through it cannot be traced."""
        network = self.network
        if isinstance(network, DynamicNetwork):
            if network.conversion.batch_rows is not None:
                return None
            network = network.network
        named = network.named_modules(remove_duplicate=False)
        numbers = {name: module.number for name, module in named if isinstance(module, _Point)}
        try:
            return Prefixes(network, _Point, numbers, inputs, most_bytes=most_bytes)
        except Exception:  # tracing ends in whatever the network's own code makes of a proxy
            return None
