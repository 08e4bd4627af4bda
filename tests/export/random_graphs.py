"""Random graphs of integer steps, every kind among them, for the tests of what foreign formats make of networks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range, signed_width, smallest_dtype
from lowland.export.results import Result, integer_range
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.functions import make_table
from lowland.quantization.graph.operations import fan_in, geometry, weighted_kind
from lowland.quantization.graph.rounding_steps import Quantize, Requantize
from lowland.quantization.graph.step import INPUTS, CodeFormat, Step
from lowland.quantization.graph.steps import STEPS
from lowland.quantization.graph.table_step import Table

WIDEST = 2**26
"""Integers of a larger size are rounded before anything else is done with them."""


class RandomGraph:
    """A network that grows by random steps.

    Args:
        seed: Of all that is random.
        shape: Of a row.
    """

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        self.chance = random.Random(seed)
        self.draws = torch.Generator().manual_seed(seed)
        self.shape = shape
        self.steps: list[Step] = []
        self.results: dict[str, Result] = {INPUTS: Result(shape, 0, 0, is_float=True)}

    def rows(self, count: int) -> Tensor:
        return torch.randn(count, *self.shape, generator=self.draws) * 3

    def network(self, length: int) -> IntegerNetwork:
        bits, signed = self.chance.choice([2, 8, 12]), self.chance.random() < 0.5
        moved = {"lowest": -3} if self.chance.random() < 0.2 else {}
        scale = torch.tensor(6.0 / 2**bits)
        at = self.put(Quantize("input", (INPUTS,), bits=bits, signed=signed, scale=scale, **moved))
        for _ in range(length):
            at = self.grow(at)
        return IntegerNetwork(self.steps)

    def put(self, step: Step) -> str:
        inputs = [self.results[name] for name in step.inputs]
        zeros = [torch.zeros(1, *each.shape, dtype=torch.float32 if each.is_float else torch.int64) for each in inputs]
        shape = tuple(step.integer(*zeros).shape[1:])
        self.steps.append(step)
        self.results[step.name] = Result(shape, *integer_range(step, inputs))
        return step.name

    def plain(self, kind: str, *sources: str, **settings: Any) -> str:
        return self.put(STEPS[kind].empty(self.name(kind), sources, **settings))

    def name(self, kind: str) -> str:
        return f"{kind}-{len(self.steps)}"  # no name of C, on purpose

    def grow(self, at: str) -> str:
        value = self.results[at]
        if value.reach > WIDEST:
            return self.round(at)
        ways: list[Callable[[str], str]] = [self.round, self.layer, self.layer, self.join, self.average, self.opposite]
        ways += [self.move] * 2 + ([self.pool] if len(value.shape) > 1 else [])
        ways += [self.table] if value.highest - value.lowest < 2**10 else []
        return self.chance.choice(ways)(at)

    def round(self, at: str) -> str:
        value, channels = self.results[at], self.chance.random() < 0.3
        bits = self.chance.choice([2, 4, 8, 11])
        factors = (value.shape[0], *[1] * (len(value.shape) - 1)) if channels else ()
        width = 61 - value.reach.bit_length()
        multiplier = torch.randint(1, 2 ** min(31, width), factors, generator=self.draws)
        fitting = int(multiplier.max()).bit_length() + value.reach.bit_length() - bits
        shift = torch.randint(max(1, fitting - 3), min(62, max(2, fitting + 2)) + 1, factors, generator=self.draws)
        moved = {"lowest": -self.chance.randrange(2**bits)} if self.chance.random() < 0.3 else {}
        return self.put(
            Requantize(
                self.name("requantize"),
                (at,),
                bits=bits,
                signed=self.chance.random() < 0.5,
                scale=torch.tensor(0.1),
                multiplier=multiplier,
                shift=shift,
                **moved,
            )
        )

    def layer(self, at: str) -> str:
        value, pick = self.results[at], self.chance.choice
        size, bias = value.shape[0], pick([True, False])
        shared: dict[str, Any] = {"stride": pick([1, 2]), "padding": pick([0, 1]), "bias": bias}
        kernel = pick([1, 2, 3]) if min(value.shape) > 2 else 1
        shared["padding"] = min(shared["padding"], kernel // 2)
        groups = pick([1, size])
        layers: list[nn.Module] = [nn.Linear(value.shape[-1], 3, bias=bias)]
        layers += [Affine(value.shape[-1], bias=bias), Affine(size, dim=-len(value.shape), bias=bias)]
        dimension = len(value.shape) - 1
        if dimension in (1, 2):
            plain = (nn.Conv1d, nn.Conv2d)[dimension - 1]
            turned = (nn.ConvTranspose1d, nn.ConvTranspose2d)[dimension - 1]
            extra = {"output_padding": 1} if shared["stride"] == 2 else {}
            layers += [plain(size, 2 * groups, kernel, groups=groups, **shared)] * 2
            if min(value.shape[1:]) > 4:
                layers += [plain(size, 3, 2, dilation=2, **shared)]
            if value.size < 200:
                layers += [turned(size, 2 * groups, kernel, groups=groups, **shared, **extra)]
        return self.weighted(at, pick(layers))

    def weighted(self, at: str, layer: Any) -> str:
        kind, bits = weighted_kind(layer), self.chance.choice([2, 4, 8, 9, 16])
        assert kind is not None
        sizes = geometry(layer)
        low, high = code_range(bits, signed=True)
        weight = torch.randint(low, high + 1, layer.weight.shape, generator=self.draws)
        bias = None if layer.bias is None else torch.randint(-500, 500, layer.bias.shape, generator=self.draws)
        bias_bits = 0 if bias is None else signed_width(bias)
        reach = self.results[at].reach * 2 ** (bits - 1) * fan_in(kind, sizes) + 2**bias_bits
        step = STEPS[kind](  # type: ignore[call-arg]
            self.name(kind),
            (at,),
            sizes=sizes,
            weight=weight.to(smallest_dtype(bits)),
            weight_bits=bits,
            weight_scale=torch.tensor(0.1),
            bias=None if bias is None else bias.to(smallest_dtype(bias_bits)),
            bias_bits=bias_bits,
            output_scale=torch.tensor(0.1),
            accumulator_bits=1 + reach.bit_length(),
        )
        return self.put(step)

    def join(self, at: str) -> str:
        value = self.results[at]
        equal = [name for name, other in self.results.items() if other.shape == value.shape and not other.is_float]
        broadcast = [
            name
            for name, other in self.results.items()
            if not other.is_float and len(other.shape) == len(value.shape)
            if all(size in (1, most) for size, most in zip(other.shape, value.shape, strict=True))
        ]
        kind = self.chance.choice(["add", "concat", "multiply"])
        if kind == "concat":
            dim = 1 + self.chance.randrange(len(value.shape))
            return self.plain(kind, at, *self.chance.choices(equal, k=self.chance.choice([1, 2])), dim=dim)
        return self.plain(kind, at, self.chance.choice(broadcast))

    def pool(self, at: str) -> str:
        value = self.results[at]
        places = value.shape[1:]
        if len(places) > 2:
            return self.move(at)
        kind = f"{self.chance.choice(['max', 'avg'])}_pool{len(places)}d"
        kernel = self.chance.choice([1, 2, 3]) if min(places) > 2 else 1
        padding = self.chance.choice([0, kernel // 2])
        settings: dict[str, Any] = {"kernel_size": kernel, "stride": self.chance.choice([1, 2]), "padding": padding}
        if kind.startswith("max"):
            dilation = self.chance.choice([1, 2]) if min(places) > 4 else 1
            return self.plain(kind, at, **settings, dilation=dilation, ceil_mode=self.chance.random() < 0.5)
        return self.plain(kind, at, **settings, ceil_mode=False, count_include_pad=True)

    def average(self, at: str) -> str:
        shape = self.results[at].shape
        dim = self.chance.randrange(len(shape)) - len(shape)
        return self.plain(
            "mean", at, dims=[dim], keepdim=self.chance.random() < 0.7 or len(shape) == 1, count=shape[dim]
        )

    def opposite(self, at: str) -> str:
        return self.plain("rescale", at, factor=self.chance.choice([-0.5, 2.0]))

    def move(self, at: str) -> str:
        shape, pick = self.results[at].shape, self.chance.choice
        dim = 1 + self.chance.randrange(len(shape))
        order = self.chance.sample(range(1, 1 + len(shape)), len(shape))
        ways: list[Callable[[], str]] = [
            lambda: self.plain("permute", at, dims=[0, *order]),
            lambda: self.plain("reshape", at, shape=_other_shape(shape)),
            lambda: self.plain("slice", at, dim=dim, start=pick([None, 0, -2]), step=pick([1, 2])),
        ]
        if prod(shape) < 100:
            ways += [
                lambda: self.plain("pad", at, pad=[pick([0, 1]), pick([0, 2])]),
                lambda: self.plain("upsample", at, factors=[pick([1, 2])]),
            ]
        if len(shape) > 1:
            ways += [lambda: self.plain("slice", at, dim=dim, index=pick([0, -1]))]
        return pick(ways)()

    def table(self, at: str) -> str:
        value = self.results[at]
        bits_in, bits = max(1, (value.highest - value.lowest).bit_length() - 1), self.chance.choice([3, 8, 10])
        signed, first = self.chance.random() < 0.5, value.lowest
        entering = CodeFormat(bits_in, first, torch.tensor(4.0 / 2**bits_in))
        lowest, _ = code_range(bits, signed=signed)
        leaving = CodeFormat(bits, lowest, torch.tensor(2.0 / 2**bits))
        return self.put(
            Table(
                self.name("table"),
                (at,),
                function="tanh",
                arguments={},
                lowest=first,
                bits=bits,
                signed=signed,
                table=make_table("tanh", {}, entering, leaving),
                input_scale=entering.scale,
                scale=leaving.scale,
            )
        )


def _other_shape(shape: Sequence[int]) -> list[int]:
    """Two dimensions made one, or a new one of size 1."""
    return [1, *shape] if len(shape) == 1 else [shape[0] * shape[1], *shape[2:]]
