"""Transient flips: bits of activations that flip while the network computes, others in every inference."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.faults.flip_sets import check_one_level, check_rate, draw_key
from lowland.faults.targets import named_steps, within
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.loop import Place
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, CodeFormat, Step
from lowland.randomness import Key
from lowland.randomness import generator as keyed_generator

DRAWN_BITS = 2**22  # numbers that are held at once: samples are computed in blocks


class TransientFlips(nn.Module):
    """A deployed network whose activation codes are hit by fresh flips in every inference (every sample).

    Hit are the codes that each rounding step hands on, the converter's and those of tables included: signed codes are
    two's complement, all others plain binary, counted from the lowest, so that every flipped word is a code. The
    arithmetic is the deployed one; outputs are those of ``network.deployed_outputs`` where nothing flips.

    Every bit of every inference has a uniform number, keyed by step and position from the top, the samples in their
    order: flips nest in rate and in count, are shared across precisions, and do not depend on how samples are cut into
        batches.
    Inferences are counted over calls; ``restart`` begins again at the first.

    Args:
        network: Left as it came, and shared.
        count: Number of flips in each inference, or
        bit_error_rate: probability of each bit in each inference, 0 to 1: give one of the two.
        layers: Names of the quantizing steps that are hit (``input``, ``1``); all without it.
        generator: Names the draw by its next number, or
        key: names it; a fixed draw without either.

    Raises:
        LowlandError: Neither or both of count and rate, one out of range (a count larger than the bits of one inference
            is noticed at the first call: it depends on the inputs' shape), an unknown layer or one without such codes.
    """

    def __init__(
        self,
        network: IntegerNetwork,
        *,
        count: int | None = None,
        bit_error_rate: float | None = None,
        layers: Sequence[str] | None = None,
        generator: torch.Generator | None = None,
        key: tuple[Key, ...] | None = None,
    ) -> None:
        super().__init__()
        check_one_level(count=count, bit_error_rate=bit_error_rate)
        if bit_error_rate is not None:
            check_rate(bit_error_rate, name="bit_error_rate")
        elif count is not None and count < 0:
            raise LowlandError(f"count is {count}; expected at least 0 flips in each inference")
        self.network = network
        self.count = count
        self.bit_error_rate = bit_error_rate
        names = {f"{name}.activation": name for name in network.activation_bits}
        self.layers = tuple(within(names, layers, steps=network.steps.keys()).values())
        self._key = draw_key(key, generator, default="transient_flips")
        self.restart()

    def restart(self) -> None:
        """The next inference draws the flips of the first one again."""
        bits = self.network.activation_bits
        self._draws = {
            name: [keyed_generator(*self._key, name, "activation", from_top) for from_top in range(bits[name])]
            for name in self.layers
        }
        self.flipped = 0
        """Bits flipped so far."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs under fresh flips.

        Args:
            inputs: Floats [samples, ...].

        Returns:
            Floats [samples, ...].

        Raises:
            LowlandError: A count larger than the bits of one inference.
        """
        if not len(inputs):
            return self.network.deployed_outputs(inputs)
        shapes = {name: codes.shape[1:] for name, codes in self._computed(inputs[:1], {}).items()}
        bits = {name: shapes[name].numel() * len(draws) for name, draws in self._draws.items()}
        total = sum(bits.values())
        if self.count is not None and self.count > total:
            raise LowlandError(f"count is {self.count}; expected 0 to {total}, the bits of one inference's activations")
        outputs = []
        for samples in inputs.split(max(1, DRAWN_BITS // total)):
            masks = self._masks(len(samples), shapes)
            outputs.append(self._computed(samples, masks).popitem()[1])
        return self.network.scaled(torch.cat(outputs))

    def _computed(self, inputs: Tensor, masks: dict[str, Tensor]) -> dict[str, Tensor]:
        """The integers after every step, in floats, with bits flipped where there are masks."""
        values = {INPUTS: inputs}
        for name, step in named_steps(self.network).items():
            operands = [values[source] for source in step.inputs]
            if isinstance(step, Scan):
                traces = self._along(step, operands, masks)
                values |= {f"{name}.{inner}": trace for inner, trace in traces.items()}
                values[name] = traces[step.loop.shown]
                continue
            result = step.carried(*operands)
            if name in masks and step.result_codes is not None:
                result = flipped_codes(result, masks[name], step.result_codes)
            values[name] = result
        return values

    def _along(self, scan: Scan, operands: list[Tensor], masks: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the body of a scan computes: a flip in a state is carried on."""

        def compute(step: Step, given: list[Tensor], place: Place) -> Tensor:
            result, mask = step.carried(*given), masks.get(f"{scan.name}.{step.name}")
            if mask is None or step.result_codes is None:
                return result
            return flipped_codes(result, mask[:, place], step.result_codes)

        return scan.along(compute, operands)

    def _masks(self, samples: int, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
        """Masks of flipped bits [samples, ...] by step (int64) for the next inferences."""
        numbers = {
            name: [torch.rand(samples, *shapes[name], generator=g, dtype=torch.float64) for g in draws]
            for name, draws in self._draws.items()
        }
        limit: float | Tensor
        if self.bit_error_rate is not None:
            limit = self.bit_error_rate
        else:
            limit = self._limit([drawn for bits in numbers.values() for drawn in bits])
        masks = {}
        for name, bits in numbers.items():
            masks[name] = torch.zeros(bits[0].shape, dtype=torch.int64)
            for from_top, drawn in enumerate(bits):
                hit = drawn < (limit if isinstance(limit, float) else limit.reshape(-1, *[1] * (drawn.ndim - 1)))
                self.flipped += int(hit.sum())
                masks[name].add_(hit, alpha=1 << len(bits) - 1 - from_top)
        return masks

    def _limit(self, numbers: Sequence[Tensor]) -> Tensor:
        """Each sample's number below which ``count`` of all its numbers lie, [samples]."""
        every = torch.cat([drawn.flatten(1) for drawn in numbers], 1)
        if self.count is None or self.count == every.shape[1]:
            return every.new_ones(len(every))
        return every.kthvalue(self.count + 1, 1).values


def flipped_codes(codes: Tensor, masks: Tensor, kind: CodeFormat) -> Tensor:
    """Activation codes with some bits flipped.

    Args:
        codes: Whole numbers in a float type, any shape.
        masks: Bits to flip of each code, int64.
        kind: What they are: their width, and how they are written.

    Returns:
        Codes within the range of the width, in the type that came; NaN stays NaN.
    """
    start = 0 if kind.twos_complement else kind.lowest
    words = (codes.nan_to_num(0.0).to(torch.int64) - start) & (2**kind.bits - 1)
    words ^= masks.to(words.device)
    if kind.twos_complement:
        half = 2 ** (kind.bits - 1)
        words = (words ^ half) - half
    words += start
    return torch.where(codes.isnan(), codes, words.to(codes.dtype))
