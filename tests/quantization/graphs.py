"""Small deployed networks that are no chains, put together step by step, for the tests of quantization and faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range, signed_width, smallest_dtype
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.affine_step import AffineStep
from lowland.quantization.graph.convolution_steps import Conv1d, Conv2d, ConvTranspose1d
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.functions import make_table
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.operations import fan_in, geometry, weighted_kind
from lowland.quantization.graph.rounding_steps import Quantize, Requantize, fixed_points
from lowland.quantization.graph.step import INPUTS, CodeFormat, Step
from lowland.quantization.graph.steps import STEPS
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted

WEIGHTED: dict[str, type[Weighted]] = {
    step.kind: step for step in (Linear, Conv1d, Conv2d, ConvTranspose1d, AffineStep)
}


class Builder:
    """Steps one by one, with the scales that they hand on.

    Args:
        bits: Of weights and activations.
        seed: Of the weights.
    """

    def __init__(self, bits: int = 4, seed: int = 0) -> None:
        self.bits = bits
        self.draws = torch.Generator().manual_seed(seed)
        self.steps: list[Step] = []
        self.scales = {INPUTS: torch.ones(())}

    def about(self, scale: float) -> Tensor:
        """A scale near this one: products of round numbers would lie on ties of the rounding."""
        return scale * (1 + 0.05 * torch.rand((), generator=self.draws))

    def put(self, step: Step) -> str:
        self.steps.append(step)
        self.scales[step.name] = step.result_scale(*(self.scales[source] for source in step.inputs))
        return step.name

    def quantize(self, name: str, source: str = INPUTS, *, scale: float = 0.05, bits: int = 8, **kind: Any) -> str:
        settings = {"signed": True, **kind}
        return self.put(Quantize(name, (source,), bits=bits, scale=self.about(scale), **settings))

    def shared(self, name: str, source: str, like: str, **settings: Any) -> str:
        """A requantization to the scale of another step."""
        return self._requantize(name, source, self.scales[like].clone(), **settings)

    def requantize(self, name: str, source: str, *, scale: float, **settings: Any) -> str:
        return self._requantize(name, source, self.about(scale), **settings)

    def _requantize(self, name: str, source: str, scale: Tensor, *, bits: int | None = None, **kind: Any) -> str:
        settings = {"signed": False, **kind}
        multiplier, shift = fixed_points(self.scales[source].double() / scale.double(), accumulator_bits=28)
        step = Requantize(
            name,
            (source,),
            bits=bits or self.bits,
            scale=scale,
            multiplier=multiplier,
            shift=shift,
            **settings,
        )
        return self.put(step)

    def layer(self, name: str, source: str, layer: nn.Module, *, reach: int = 2**8, tied_to: str | None = None) -> str:
        """A layer with drawn codes; a tied one has an output scale of its own, and no bias."""
        kind = weighted_kind(layer)
        assert kind is not None
        sizes = geometry(layer)
        high = 2 ** (self.bits - 1)
        weight = torch.randint(1 - high, high, layer.weight.shape, generator=self.draws)  # type: ignore[arg-type]
        bias = None
        if tied_to is None and layer.bias is not None:
            bias = torch.randint(-3 * high, 3 * high, layer.bias.shape, generator=self.draws)  # type: ignore[arg-type]
        bias_bits = 0 if bias is None else signed_width(bias)
        owner = next((step for step in self.steps if step.name == tied_to), None)
        weight_scale: Any = self.about(0.8 / high) if owner is None else owner.weight_scale
        total = reach * high * fan_in(kind, sizes) + 2**10
        step = WEIGHTED[kind](
            name,
            (source,),
            sizes=sizes,
            weight=weight.to(smallest_dtype(self.bits)) if tied_to is None else None,
            weight_bits=self.bits,
            weight_scale=weight_scale if tied_to is None else None,
            bias=None if bias is None else bias.to(smallest_dtype(bias_bits)),
            bias_bits=bias_bits,
            output_scale=weight_scale * self.scales[source],
            accumulator_bits=1 + total.bit_length(),
            tied_to=tied_to,
        )
        return self.put(step)

    def table(
        self, name: str, source: str, function: str, *, lowest: int, scale: float, bits_in: int = 6, **how: Any
    ) -> str:
        arguments, bits, signed = how.get("arguments", {}), how.get("bits", self.bits), how.get("signed", True)
        own, first = self.about(scale), code_range(bits, signed=signed)[0]
        incoming = CodeFormat(bits_in, lowest, self.scales[source])
        entries = make_table(function, arguments, incoming, CodeFormat(bits, first, own))
        step = Table(
            name,
            (source,),
            function=function,
            arguments=arguments,
            lowest=lowest,
            bits=bits,
            signed=signed,
            table=entries,
            input_scale=self.scales[source].clone(),
            scale=own,
        )
        return self.put(step)

    def embedding(self, name: str, source: str, rows: int, features: int) -> str:
        high = 2 ** (self.bits - 1)
        weight = torch.randint(1 - high, high, (rows, features), generator=self.draws).to(smallest_dtype(self.bits))
        step = Embedding(name, (source,), weight=weight, weight_bits=self.bits, weight_scale=self.about(0.8 / high))
        return self.put(step)

    def floats(self, name: str, sources: tuple[str, ...], layer: nn.Module) -> str:
        return self.put(
            FloatStep(name, sources, layer=layer, input_scales=[self.scales[source].clone() for source in sources])
        )

    def plain(self, kind: str, name: str, *sources: str, **settings: Any) -> str:
        return self.put(STEPS[kind].empty(name, sources, **settings))

    def network(self) -> IntegerNetwork:
        return IntegerNetwork(self.steps)


@dataclass(frozen=True)
class Graph:
    """A network, the shape of a row, and of what numbers rows are."""

    build: Callable[[Builder], None]
    shape: tuple[int, ...]
    tokens: int = 0

    def network(self, bits: int = 4, *, seed: int = 0) -> IntegerNetwork:
        builder = Builder(bits, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.build(builder)
        return builder.network()

    def rows(self, count: int, *, seed: int = 0) -> Tensor:
        draws = torch.Generator().manual_seed(seed)
        if self.tokens:
            return torch.randint(0, self.tokens, (count, *self.shape), generator=draws).float()
        return torch.randn(count, *self.shape, generator=draws)


def residual(b: Builder) -> None:
    """Convolutions with a sum around one of them, global mean, a linear layer."""
    x = b.quantize("input")
    x = b.layer("first", x, nn.Conv2d(2, 4, 3, padding=1))
    skip = b.requantize("relu", x, scale=0.3)
    x = b.layer("second", skip, nn.Conv2d(4, 4, 3, padding=1))
    x = b.requantize("left", x, scale=0.25, bits=b.bits + 1, signed=True)
    skip = b.shared("right", skip, "left", bits=b.bits + 1, signed=True)
    x = b.plain("add", "sum", x, skip)
    x = b.requantize("relu2", x, scale=0.4)
    x = b.plain("mean", "pooled", x, dims=[-2, -1], keepdim=False, count=16)
    b.layer("head", x, nn.Linear(4, 3), reach=2**9)


def dense(b: Builder) -> None:
    """Concatenation, a depthwise convolution with a moved range, padding, slices, upsampling, pooling."""
    x = b.quantize("input", lowest=-100)
    wide = b.plain("pad", "margin", x, pad=[1, 1, 1, 1])
    first = b.requantize("a", b.layer("conv", wide, nn.Conv2d(2, 3, 3)), scale=0.3, lowest=-3)
    second = b.layer("conv2", first, nn.Conv2d(3, 3, 3, padding=1, groups=3))
    second = b.shared("b", second, "a", lowest=-3)
    x = b.plain("concat", "both", first, second, dim=1)
    x = b.plain("slice", "part", x, dim=1, start=1, stop=6, step=2)
    x = b.plain("avg_pool2d", "small", x, kernel_size=2, stride=2, padding=0, ceil_mode=False, count_include_pad=True)
    x = b.requantize("c", x, scale=0.2, bits=b.bits + 1)
    x = b.plain("upsample", "large", x, factors=[2, 1])
    x = b.plain("reshape", "flat", x, shape=[-1])
    x = b.layer("head", x, nn.Linear(24, 3))
    b.plain("rescale", "opposite", x, factor=-0.5)


def tables(b: Builder) -> None:
    """Two tables, a product of both, a narrow range, an affine layer."""
    x = b.quantize("input")
    x = b.layer("first", x, nn.Linear(5, 6))
    left = b.requantize("before", x, scale=0.15, bits=6, signed=True)
    right = b.requantize("before2", x, scale=0.1, bits=6, lowest=-20)
    left = b.table("gate", left, "sigmoid", lowest=-32, scale=1 / 15, signed=False)
    right = b.table("leak", right, "leaky_relu", lowest=-20, scale=0.3, arguments={"negative_slope": 0.1})
    x = b.plain("multiply", "gated", left, right)
    half = 2 ** (b.bits - 1)
    x = b.requantize("narrow", x, scale=0.3, signed=True, clamp=[1 - half, half - 1])
    x = b.layer("affine", x, Affine(6))
    x = b.requantize("relu", x, scale=0.1)
    b.layer("head", x, nn.Linear(6, 3, bias=False))


def tied(b: Builder) -> None:
    """One matrix used twice, without a bias of its own."""
    x = b.quantize("input", scale=0.25, bits=4)
    x = b.layer("cell", x, nn.Linear(6, 6))
    x = b.requantize("state", x, scale=0.25)
    x = b.layer("cell2", x, nn.Linear(6, 6), tied_to="cell")
    x = b.requantize("state2", x, scale=0.3)
    b.layer("head", x, nn.Linear(6, 3))


def tokens(b: Builder) -> None:
    """An embedding, a line of convolutions to and fro, an order and a place of tokens."""
    x = b.embedding("words", INPUTS, 7, 4)
    x = b.plain("permute", "channels", x, dims=[0, 2, 1])
    x = b.requantize("codes", x, scale=0.15, signed=True)
    x = b.requantize("a", b.layer("conv", x, nn.Conv1d(4, 4, 3, stride=2, padding=1)), scale=0.3)
    x = b.plain("avg_pool1d", "mean", x, kernel_size=[2], stride=[1], padding=[0], ceil_mode=False,
                count_include_pad=True)  # fmt: skip
    x = b.requantize("b", x, scale=0.2)
    x = b.requantize("c", b.layer("back", x, nn.ConvTranspose1d(4, 3, 3, stride=2), reach=2**6), scale=0.4)
    x = b.plain("slice", "last", x, dim=2, index=-1)
    b.layer("head", x, nn.Linear(3, 3))


def attention(b: Builder) -> None:
    """Float steps inside: a layer norm, attention over tokens, and softmax at the end of it."""
    x = b.quantize("input")
    x = b.requantize("codes", b.layer("first", x, nn.Linear(4, 4)), scale=0.2, signed=True)
    n = b.quantize("normal", b.floats("norm", (x,), nn.LayerNorm(4)), scale=0.3, bits=b.bits)
    n = b.floats("attend", (n, n, n), nn.MultiheadAttention(4, 2, batch_first=True))
    n = b.quantize("attended", n, scale=0.2, bits=b.bits)
    x = b.shared("skip", x, "attended", signed=True)
    x = b.plain("add", "sum", n, x)
    x = b.requantize("narrow", x, scale=0.3, signed=True)
    x = b.plain("reshape", "flat", x, shape=[12])
    b.layer("head", x, nn.Linear(12, 3))


GRAPHS: dict[str, Graph] = {
    "residual": Graph(residual, (2, 4, 4)),
    "dense": Graph(dense, (2, 4, 4)),
    "tables": Graph(tables, (5,)),
    "tied": Graph(tied, (6,)),
    "tokens": Graph(tokens, (6,), tokens=7),
    "attention": Graph(attention, (3, 4)),
}


def elements(graph: Graph) -> int:
    return prod(graph.shape)


def one_for_all() -> IntegerNetwork:
    """Codes, one factor and one summand for all five features, and what a linear layer makes of them."""
    b = Builder(4)
    x = b.layer("add", b.quantize("input", scale=0.5, bits=4), Affine(1))
    b.layer("head", b.requantize("add_out", x, scale=0.5, signed=True), nn.Linear(5, 3))
    return IntegerNetwork(b.steps)
