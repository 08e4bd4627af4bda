"""Multi-bit upsets: one particle flips adjacent bits of one stored word."""

from __future__ import annotations

from typing import Unpack

import torch

from lowland.errors import LowlandError
from lowland.faults.bit_flips import Deployed, stored_sizes
from lowland.faults.flip_sets import Flips, check_one_level, check_rate, draw_key
from lowland.faults.targets import DrawOptions
from lowland.randomness import generator as keyed_generator


def adjacent_flips(places: Flips, *, length: int) -> Flips:
    """Upsets at given places.

    Args:
        places: The least significant bit of each upset.
        length: Bits that each of them flips, at least 1; an upset that leaves its word is refused where it is applied,
            and so are two that share a bit.

    Raises:
        LowlandError: A length below 1.
    """
    if length < 1:
        raise LowlandError(f"length is {length}; expected at least 1, the bits that one upset flips")
    ups = torch.arange(length)
    return Flips(
        {
            name: (elements.repeat_interleave(length), (positions[:, None] + ups).flatten())
            for name, (elements, positions) in places.bits.items()
        }
    )


def random_upsets(
    network: Deployed,
    *,
    length: int,
    count: int | None = None,
    upset_rate: float | None = None,
    **draw: Unpack[DrawOptions],
) -> Flips:
    """Upsets of adjacent bits at random places, at most one a word: n of them flip n * length bits.

    Every word has a number of its own by tensor and element, so that sets nest and are shared across precisions, as in
    ``draw_flips``; the place within the word is uniform.

    Args:
        network: Whose stored words are hit.
        length: Bits that each upset flips, 2 or more; words with fewer bits than that are not hit.
        count: Number of upsets, or
        upset_rate: probability of one in each word that is long enough: give one of the two.
        draw: ``targets``, ``layers`` and ``generator`` or ``key``, as in ``draw_flips``.

    Raises:
        LowlandError: A length below 2 or longer than every word, a level out of range, an unknown target or layer.
    """
    check_one_level(count=count, upset_rate=upset_rate)
    sizes = stored_sizes(network, draw.get("targets", ("weights", "biases")), draw.get("layers"))
    widest = max(bits for _, bits in sizes.values())
    if not 2 <= length <= widest:
        raise LowlandError(f"length is {length}; expected 2 to {widest}, the bits of the longest of these words")
    names = tuple(name for name, (_, bits) in sizes.items() if bits >= length)
    key = draw_key(draw.get("key"), draw.get("generator"), default="random_upsets")
    numbers, tensors, elements, lowest = [], [], [], []
    for index, name in enumerate(names):
        size, bits = sizes[name]
        drawn = torch.rand(2, size, generator=keyed_generator(*key, name, "upset"), dtype=torch.float64)
        numbers.append(drawn[0])
        tensors.append(torch.full((size,), index))
        elements.append(torch.arange(size))
        room = bits - length
        lowest.append(room - (drawn[1] * (room + 1)).long())  # equal numbers strike alike, seen from the top
    ordered, order = torch.cat(numbers).sort(stable=True)
    if upset_rate is not None:
        check_rate(upset_rate, name="upset_rate")
        count = int(torch.searchsorted(ordered, upset_rate))
    elif not 0 <= (count or 0) <= len(order):
        raise LowlandError(f"count is {count}; expected 0 to {len(order)}, the words of at least {length} bits")
    struck = order[:count]
    hit, words, bottoms = torch.cat(tensors)[struck], torch.cat(elements)[struck], torch.cat(lowest)[struck]
    places = {
        name: (words[hit == index], bottoms[hit == index]) for index, name in enumerate(names) if (hit == index).any()
    }
    return adjacent_flips(Flips(places), length=length)
