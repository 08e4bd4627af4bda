"""Constants that are added to integers, as integers themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.quantization.readers.flow import NotInteger

MOST_FRACTION_BITS = 16
"""Binary places that a summand gets beyond the accumulator's own step size where it needs them."""

_ROOM = 38  # bits of accumulators, so that a multiplier of 24 bits still fits into 64 bits beside them
_MOST_BITS = 45  # of words, so that products with 16-bit codes' multipliers do
_RELATIVE = 2.0**-22  # float32 errs by so much of a bias when it is multiplied with its scale


def summand_codes(shift: Tensor, accumulator: Tensor, reach: int) -> tuple[Tensor | None, int]:
    """Summands in codes, and how many binary places below the accumulator's step size they begin.

    As many as bring all of them within 2^-17 of a step, at most ``MOST_FRACTION_BITS``.

    Args:
        shift: What is added, [channels], float64.
        accumulator: Step size of the accumulators, a scalar or [channels], float64.
        reach: The largest size that the accumulators can have.

    Returns:
        Codes (int64) or ``None`` where nothing is added, and the number of places.

    Raises:
        NotInteger: Summands that no word holds.
    """
    if not bool(shift.isfinite().all()):
        raise NotInteger("adds numbers that are not finite")
    if not bool((shift != 0).any()):
        return None, 0
    steps = shift / accumulator
    most = min(MOST_FRACTION_BITS, max(0, _ROOM - 1 - reach.bit_length()))
    allowed = (steps.abs() * _RELATIVE).clamp_min(2.0 ** -(MOST_FRACTION_BITS + 1))
    for fraction in range(most + 1):
        words = (steps * 2**fraction).round()
        if fraction == most or bool(((words / 2**fraction - steps).abs() <= allowed).all()):
            break
    if float(words.abs().max()) >= 2.0 ** (_MOST_BITS - 1):
        raise NotInteger(
            f"adds up to {float(steps.abs().max()):.3g} steps of its accumulators; expected less than "
            f"2^{_MOST_BITS - 1}: use weights of a wider scale"
        )
    return words.to(torch.int64), fraction
