"""Random bit flips in stored numbers: the codes of integer networks, the IEEE-754 words of float ones."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.integer import IntegerNetwork
from lowland.randomness import Key, generator

FLOAT_WORD = 32
TARGETS = {"weight": "weights", "bias": "biases"}
"""Kinds of tensors that flips can hit, by the last part of their names."""


@dataclass(frozen=True)
class Flips:
    """A set of bits to flip, each at most once.

    Attributes:
        bits: By tensor name, a pair of int64 tensors of equal length: flat element indices and bit positions
            (0 is the least significant).
    """

    bits: Mapping[str, tuple[Tensor, Tensor]]

    def __len__(self) -> int:
        return sum(len(elements) for elements, _ in self.bits.values())


@dataclass(frozen=True)
class FlipDraw:
    """All bits of a network in the order in which they flip: every flip set of one draw is a beginning of it.

    Attributes:
        names: Names of the tensors.
        uniforms: One number in [0, 1) a bit, ascending, [bits].
        tensors: Position in ``names`` of each bit's tensor, [bits].
        elements: Flat index of each bit's element, [bits].
        positions: Each bit's position, 0 the least significant, [bits].
    """

    names: tuple[str, ...]
    uniforms: Tensor
    tensors: Tensor
    elements: Tensor
    positions: Tensor

    def first(self, count: int) -> Flips:
        """The flips of a given number of upsets.

        Args:
            count: 0 to the number of bits.

        Raises:
            LowlandError: More flips than bits, or fewer than none.
        """
        if not 0 <= count <= len(self.uniforms):
            raise LowlandError(f"count is {count}; expected 0 to {len(self.uniforms)}, the bits that can flip")
        tensors, elements, positions = self.tensors[:count], self.elements[:count], self.positions[:count]
        flips = {}
        for index, name in enumerate(self.names):
            here = tensors == index
            if here.any():
                flips[name] = (elements[here], positions[here])
        return Flips(flips)

    def below(self, bit_error_rate: float) -> Flips:
        """The flips at a given exposure: each bit with this probability.

        Args:
            bit_error_rate: 0 to 1.

        Raises:
            LowlandError: Outside 0 to 1.
        """
        if not 0 <= bit_error_rate <= 1:
            raise LowlandError(f"bit_error_rate is {bit_error_rate}; expected 0 to 1")
        return self.first(int(torch.searchsorted(self.uniforms, bit_error_rate)))


def draw_flips(
    network: IntegerNetwork, *, targets: Sequence[str] = ("weights", "biases"), key: tuple[Key, ...]
) -> FlipDraw:
    """One draw of the flips of an integer network, for any number of levels.

    Every bit gets a uniform number keyed by tensor, element and position counted from the most significant bit, so
    flip sets nest in count and in rate and are shared across precisions.

    Args:
        network: Whose codes are hit.
        targets: Of ``weights`` and ``biases``.
        key: Names the draw, such as (task, condition, draw).

    Raises:
        LowlandError: An unknown or no target.
    """
    bits = network.bits
    return _draw({name: (codes.numel(), bits[name]) for name, codes in targeted(network.codes, targets).items()}, key)


def draw_float_flips(
    network: nn.Module, *, targets: Sequence[str] = ("weights", "biases"), key: tuple[Key, ...]
) -> FlipDraw:
    """One draw of the flips of a float network's IEEE-754 words, for any number of levels.

    Args:
        network: Its parameters are float32.
        targets: Of ``weights`` and ``biases``.
        key: Names the draw.

    Raises:
        LowlandError: An unknown or no target, or parameters that are not float32.
    """
    chosen = targeted(_words(network), targets)
    return _draw({name: (words.numel(), FLOAT_WORD) for name, words in chosen.items()}, key)


def _draw(tensors: Mapping[str, tuple[int, int]], key: tuple[Key, ...]) -> FlipDraw:
    """The sorted draw for tensors given by name as (number of elements, bits of each)."""
    uniforms, indices, elements, positions = [], [], [], []
    for index, (name, (size, bits)) in enumerate(tensors.items()):
        for from_top in range(bits):
            uniforms.append(torch.rand(size, generator=generator(*key, name, from_top), dtype=torch.float64))
            indices.append(torch.full((size,), index))
            elements.append(torch.arange(size))
            positions.append(torch.full((size,), bits - 1 - from_top))
    ordered, order = torch.cat(uniforms).sort(stable=True)
    return FlipDraw(
        tuple(tensors), ordered, torch.cat(indices)[order], torch.cat(elements)[order], torch.cat(positions)[order]
    )


def random_flips(
    network: IntegerNetwork,
    *,
    count: int | None = None,
    bit_error_rate: float | None = None,
    targets: Sequence[str] = ("weights", "biases"),
    key: tuple[Key, ...],
) -> Flips:
    """Random flips of an integer network at one level; ``draw_flips`` serves several levels at once.

    Args:
        network: Whose codes are hit.
        count: Number of flips, or
        bit_error_rate: probability of each bit: give one of the two.
        targets: Of ``weights`` and ``biases``.
        key: Names the draw.

    Raises:
        LowlandError: Neither or both of count and rate, a level out of range, an unknown target.
    """
    return _level(draw_flips(network, targets=targets, key=key), count, bit_error_rate)


def random_float_flips(
    network: nn.Module,
    *,
    count: int | None = None,
    bit_error_rate: float | None = None,
    targets: Sequence[str] = ("weights", "biases"),
    key: tuple[Key, ...],
) -> Flips:
    """Random flips of a float network's words at one level, as ``random_flips``."""
    return _level(draw_float_flips(network, targets=targets, key=key), count, bit_error_rate)


def _level(draw: FlipDraw, count: int | None, bit_error_rate: float | None) -> Flips:
    if count is not None and bit_error_rate is None:
        return draw.first(count)
    if bit_error_rate is not None and count is None:
        return draw.below(bit_error_rate)
    raise LowlandError(f"count is {count} and bit_error_rate is {bit_error_rate}; expected exactly one of them")


def apply_flips(network: IntegerNetwork, flips: Flips) -> IntegerNetwork:
    """The network with exactly these bits of its codes flipped, in two's complement; the rest is shared.

    Args:
        network: Left as it came.
        flips: From a network with the same tensors and widths.

    Raises:
        LowlandError: A tensor, element or bit that the network does not have.
    """
    return network.with_codes(_flipped(network.codes, network.bits, flips))


def apply_float_flips(network: nn.Module, flips: Flips) -> nn.Module:
    """A copy of a float network with exactly these bits of its IEEE-754 words flipped.

    Args:
        network: Its parameters are float32; left as it came.
        flips: From a network with the same parameters.

    Raises:
        LowlandError: A parameter, element or bit that the network does not have.
    """
    flipped = copy.deepcopy(network)
    words = _words(flipped)
    for name, changed in _flipped(words, dict.fromkeys(words, FLOAT_WORD), flips).items():
        words[name].copy_(changed)
    return flipped


def _flipped(tensors: Mapping[str, Tensor], bits: Mapping[str, int], flips: Flips) -> dict[str, Tensor]:
    """The tensors that the flips touch, flipped."""
    result = {}
    for name, (elements, positions) in flips.bits.items():
        if name not in tensors:
            raise LowlandError(f"flips name tensor {name!r}; expected one of {', '.join(tensors)}")
        codes = tensors[name]
        if len(elements) and (int(elements.max()) >= codes.numel() or int(positions.max()) >= bits[name]):
            raise LowlandError(f"flips reach beyond {name}: {codes.numel()} elements of {bits[name]} bits")
        # The sign bit takes along its extension in the wider integer type. Bits are distinct: their sum is their union.
        masks = torch.ones_like(positions) << positions
        masks = torch.where(positions == bits[name] - 1, -masks, masks)
        union = torch.zeros(codes.numel(), dtype=torch.int64).index_add_(0, elements, masks)
        result[name] = (codes.reshape(-1).to(torch.int64) ^ union).reshape(codes.shape).to(codes.dtype)
    return result


def targeted(tensors: Mapping[str, Tensor], targets: Sequence[str]) -> dict[str, Tensor]:
    """The tensors of these kinds, told by the last part of their names."""
    if not targets or not set(targets) <= set(TARGETS.values()):
        raise LowlandError(f"targets are {list(targets)}; expected one or more of {', '.join(TARGETS.values())}")
    chosen = {n: tensor for n, tensor in tensors.items() if TARGETS.get(n.rpartition(".")[2]) in targets}
    if not chosen:
        raise LowlandError(f"targets are {list(targets)}; none of the tensors {', '.join(tensors)} is of that kind")
    return chosen


def _words(network: nn.Module) -> dict[str, Tensor]:
    """The parameters' IEEE-754 words as int32 tensors that share their memory."""
    words = {}
    for name, parameter in network.named_parameters():
        if parameter.dtype != torch.float32:
            raise LowlandError(f"parameter {name} is {parameter.dtype}; expected torch.float32 to flip its bits")
        words[name] = parameter.detach().view(torch.int32)
    return words
