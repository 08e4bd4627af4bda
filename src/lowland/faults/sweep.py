"""Networks under random flips: every level of a study, from shared draws."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from lowland.faults.bit_flips import apply_flips, draw_flips
from lowland.faults.flip_sets import Flips
from lowland.faults.float_flips import apply_float_flips, draw_float_flips
from lowland.faults.options import BitFlipOptions
from lowland.quantization.integer import IntegerNetwork
from lowland.randomness import Key


def flipped_networks(
    network: nn.Module, options: BitFlipOptions, *, key: tuple[Key, ...]
) -> Iterator[tuple[str, float, list[nn.Module]]]:
    """A deployed network under random flips of its stored bits, by number of flips and by bit error rate.

    Levels of one draw nest: what is flipped at one level is flipped at every higher one.

    Args:
        network: Integer networks flip their codes; float ones their IEEE-754 words, as conditions of their own.
        options: Levels and number of draws.
        key: Names the disturbance, such as (task, ...); equal keys flip the same bits of equal tensors.

    Yields:
        Condition (``flips``, ``bit_error_rate``, for floats ``ieee754_...``), level, one network a draw. A number of
        flips larger than the number of stored bits is left out: it cannot happen.
    """
    numbers = range(options.draws)
    if isinstance(network, IntegerNetwork):
        prefix = ""
        draws = [draw_flips(network, key=(*key, number)) for number in numbers]
    else:
        prefix = "ieee754_"
        draws = [draw_float_flips(network, key=(*key, number)) for number in numbers]

    def flipped(flips: Flips) -> nn.Module:
        return apply_flips(network, flips) if isinstance(network, IntegerNetwork) else apply_float_flips(network, flips)

    for count in options.counts:
        if count <= len(draws[0].uniforms):
            yield f"{prefix}flips", float(count), [flipped(draw.first(count)) for draw in draws]
    for rate in options.bit_error_rates:
        yield f"{prefix}bit_error_rate", rate, [flipped(draw.below(rate)) for draw in draws]
