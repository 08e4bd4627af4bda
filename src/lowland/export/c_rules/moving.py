"""Steps that move integers without computing with them."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from lowland.errors import LowlandError
from lowland.export.c_program import FLOAT, Buffer, CProgram
from lowland.export.c_rules.registry import c_rule
from lowland.export.places import in_order, places_moved
from lowland.export.results import Site


@c_rule("flatten", "unflatten", "reshape", "permute", "slice", "pad", "upsample", "concat")
def move(site: Site[Any], program: CProgram, *codes: Buffer) -> Buffer:
    """A table of places; where nothing moves, as in a change of shape, the buffer itself."""
    places = places_moved(site)
    if len(codes) == 1 and places.numel() == codes[0].size and in_order(places):
        return codes[0]
    if any(buffer.type == FLOAT for buffer in codes):
        raise LowlandError("moves floats; expected codes: quantize the network's input first")
    sizes = [buffer.size for buffer in codes]
    starts = [1, *(1 + total for total in accumulate(sizes))]
    return program.call(
        "move.c.j2",
        codes,
        program.buffer(site.result),
        places=program.table("places", places),
        starts=starts,
        has_margin=bool((places == 0).any()),
    )
