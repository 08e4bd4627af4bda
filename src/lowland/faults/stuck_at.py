"""Stored bits that are stuck at 0 or at 1."""

from __future__ import annotations

from lowland.errors import LowlandError
from lowland.faults.bit_flips import SomeDeployed, rewritten
from lowland.faults.flip_sets import Flips


def apply_stuck_bits(
    network: SomeDeployed, sites: Flips, *, value: int, encoding: str = "twos_complement"
) -> SomeDeployed:
    """The network with some bits of its stored words stuck; only those of the other value change.

    Sticking the same bits again changes nothing more. (In sign-magnitude, a bit stuck at 1 in the sign of a 0 makes it
    negative zero, which computes as 0.)

    Args:
        network: Left as it came.
        sites: The stuck bits, at a count or a rate by ``random_flips``.
        value: 0 or 1.
        encoding: How codes are written in bits, a key of ``ENCODINGS``.

    Raises:
        LowlandError: Another value, or as ``apply_flips``.
    """
    if value not in (0, 1):
        raise LowlandError(f"value is {value!r}; expected 0 or 1, what the bits are stuck at")
    return rewritten(network, sites, encoding, lambda words, masks: words | masks if value else words & ~masks)
