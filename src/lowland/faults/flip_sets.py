"""Sets of bits to flip, and draws in whose order bits flip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.randomness import Key
from lowland.randomness import generator as keyed_generator

REMEMBERED_BITS = 2**17
"""Draws of so many bits are kept: 4 MB each."""


@dataclass(frozen=True, eq=False)
class Flips:
    """A set of bits of stored words, each at most once.

    Attributes:
        bits: By tensor name, a pair of int64 tensors of equal length: flat element indices and bit positions
            (0 is the least significant).
    """

    bits: Mapping[str, tuple[Tensor, Tensor]]

    def __len__(self) -> int:
        return sum(len(elements) for elements, _ in self.bits.values())

    def __xor__(self, other: Flips) -> Flips:
        """Both one after the other, on words: bits in exactly one of the two sets.

        ``flips ^ flips`` is empty, so applying it restores every word in every encoding; applying ``flips`` twice to a
        network goes through its codes in between, and sign-magnitude has two words for the code 0.
        """
        found = {}
        for name in [*self.bits, *(name for name in other.bits if name not in self.bits)]:
            pairs = [torch.stack(flips.bits[name], 1) for flips in (self, other) if name in flips.bits]
            sites, times = torch.cat(pairs).unique(dim=0, return_counts=True)
            kept = sites[times == 1]
            if len(kept):
                found[name] = (kept[:, 0], kept[:, 1])
        return Flips(found)

    def words(self, name: str, size: int, bits: int) -> tuple[Tensor, Tensor]:
        """Which words of a tensor are hit, and the flipped bits of each as a number: two int64 tensors [hit].

        Args:
            name: Of the tensor.
            size: Its number of words.
            bits: Width of each, at most 62.

        Raises:
            LowlandError: An element or bit that the tensor does not have, or one that is named twice.
        """
        elements, positions = self.bits[name]
        if not len(elements):
            return elements, positions
        least = min(int(elements.min()), int(positions.min()))
        if least < 0 or int(elements.max()) >= size or int(positions.max()) >= bits:
            raise LowlandError(f"flips reach beyond {name}: {size} elements of {bits} bits")
        if len((elements * bits + positions).unique()) < len(elements):
            raise LowlandError(f"flips name a bit of {name} twice; expected each bit at most once")
        hit, place = elements.unique(return_inverse=True)
        # Bits are distinct: their sum is their union.
        return hit, torch.zeros_like(hit).index_add_(0, place, torch.ones_like(positions) << positions)


@dataclass(frozen=True, eq=False)
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
        check_rate(bit_error_rate, name="bit_error_rate")
        return self.first(int(torch.searchsorted(self.uniforms, bit_error_rate)))

    def level(self, count: int | None, bit_error_rate: float | None) -> Flips:
        """The flips by count or by rate, whichever is given.

        Raises:
            LowlandError: Neither or both, or one out of range.
        """
        check_one_level(count=count, bit_error_rate=bit_error_rate)
        return self.first(count) if count is not None else self.below(bit_error_rate)  # type: ignore[arg-type]  # just checked


def draw_bits(tensors: Mapping[str, tuple[int, int]], key: tuple[Key, ...]) -> FlipDraw:
    """The sorted draw of all bits of some tensors.

    Args:
        tensors: By name, number of words and bits of each.
        key: Names the draw; every bit has a number of its own, by tensor, element and position from the top.
    """
    small = sum(size * bits for size, bits in tensors.values()) <= REMEMBERED_BITS
    return (_remembered if small else _drawn)(tuple(tensors.items()), key)


def _drawn(tensors: tuple[tuple[str, tuple[int, int]], ...], key: tuple[Key, ...]) -> FlipDraw:
    uniforms, indices, elements, positions = [], [], [], []
    for index, (name, (size, bits)) in enumerate(tensors):
        for from_top in range(bits):
            uniforms.append(torch.rand(size, generator=keyed_generator(*key, name, from_top), dtype=torch.float64))
            indices.append(torch.full((size,), index))
            elements.append(torch.arange(size))
            positions.append(torch.full((size,), bits - 1 - from_top))
    ordered, order = torch.cat(uniforms).sort(stable=True)
    names = tuple(name for name, _ in tensors)
    return FlipDraw(names, ordered, torch.cat(indices)[order], torch.cat(elements)[order], torch.cat(positions)[order])


# All cells of a precision and all faults of stored bits share their draws, which nobody writes into.
_remembered = lru_cache(maxsize=32)(_drawn)


def draw_rare_bits(tensors: Mapping[str, tuple[int, int]], key: tuple[Key, ...], *, rate: float) -> FlipDraw:
    """The beginning of a draw up to a rate: of the same distribution as ``draw_bits``, without a number for every bit.

    Args:
        tensors: By name, number of words and bits of each.
        key: Names the draw.
        rate: Highest bit error rate at which it is asked, 0 to 1.

    Raises:
        LowlandError: A rate that is no probability.
    """
    check_rate(rate, name="rate")
    sizes = torch.tensor([size * bits for size, bits in tensors.values()])
    ends, generator = sizes.cumsum(0), keyed_generator(*key)
    total = int(ends[-1])
    count = int(torch.binomial(torch.tensor(float(total), dtype=torch.float64), torch.tensor(rate).double(), generator))
    chosen = torch.randperm(total, generator=generator)[:count]
    uniforms = rate * torch.rand(count, generator=generator, dtype=torch.float64).sort().values
    tensor = torch.searchsorted(ends, chosen, right=True)
    place = chosen - (ends - sizes)[tensor]
    widths = torch.tensor([bits for _, bits in tensors.values()])[tensor]
    return FlipDraw(tuple(tensors), uniforms, tensor, place // widths, place % widths)


def draw_key(key: tuple[Key, ...] | None, generator: torch.Generator | None, *, default: str) -> tuple[Key, ...]:
    """What names a draw: the key itself, one taken from a generator (which moves on), or a fixed one.

    Args:
        key: Names the draw, or
        generator: gives one: the next call with it another one.
        default: The key's only part without either.

    Raises:
        LowlandError: Both are given.
    """
    if key is not None and generator is not None:
        raise LowlandError("key and generator are both given; expected one of them: the key names the draw by itself")
    if generator is not None:
        return "generator", int(torch.randint(2**62, (), generator=generator, device=generator.device))
    return (default,) if key is None else key


def check_rate(rate: float, *, name: str) -> None:
    """Refuses what is no probability, NaN too."""
    if not 0 <= rate <= 1:
        raise LowlandError(f"{name} is {rate}; expected 0 to 1")


def check_one_level(**levels: float | None) -> None:
    """Refuses two ways to say how many, or none."""
    if sum(level is not None for level in levels.values()) != 1:
        given = " and ".join(f"{name} is {level}" for name, level in levels.items())
        raise LowlandError(f"{given}; expected exactly one of them")
