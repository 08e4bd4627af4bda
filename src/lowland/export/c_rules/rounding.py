"""Steps that round: floats to codes, accumulators to codes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from lowland.errors import LowlandError
from lowland.export.c_program import FLOAT, Buffer, CProgram, literal
from lowland.export.c_rules.registry import c_rule
from lowland.export.results import Site
from lowland.quantization.graph.rounding_steps import Quantize, Requantize


@c_rule("quantize")
def quantize(site: Site[Quantize], program: CProgram, values: Buffer) -> Buffer:
    """Codes that the caller hands in, as a sensor's converter makes them, or has made of floats."""
    step = site.step
    if values.type != FLOAT or not values.argument:
        raise LowlandError("rounds what is no input of the network; expected requantize: C has integers only")
    scale = float(step.scale)
    return program.entry(
        "quantize.c.j2", site, site.result, scale=f"{scale.hex()}f", lowest=step.lowest, highest=step.highest
    )


@c_rule("requantize")
def requantize(site: Site[Requantize], program: CProgram, codes: Buffer) -> Buffer:
    """Multiplier and shift in int64, ties to the even integer, clamped."""
    step = site.step
    shape = site.inputs[0].shape
    outer, channels, inner = channel_loops(step.multiplier.shape, shape)
    if channels == 1:
        multiplier, shift = literal(int(step.multiplier)), f"{int(step.shift)}u"
    else:
        multiplier = f"{program.table('multiplier', step.multiplier)}[channel]"
        shift = f"(uint32_t){program.table('shift', step.shift)}[channel]"
    return program.call(
        "requantize.c.j2",
        [codes],
        program.buffer(site.result),
        outer=outer,
        channels=channels,
        inner=inner,
        multiplier=multiplier,
        shift=shift,
        lowest=literal(step.lowest),
        highest=literal(step.highest),
    )


def channel_loops(factors: Sequence[int], shape: Sequence[int]) -> tuple[int, int, int]:
    """How a row is walked where one factor a channel multiplies it: loops outside, over channels, inside.

    Args:
        factors: Shape of the factors, which multiplies the row.
        shape: Of the row.

    Raises:
        LowlandError: Factors along several dimensions.
    """
    factors = (1,) * (len(shape) - len(factors)) + tuple(factors)[-len(shape) :]
    along = [place for place, size in enumerate(factors) if size > 1]
    if len(along) > 1:
        raise LowlandError(f"has factors of shape {tuple(factors)}; expected them along one dimension")
    if not along:
        return 1, 1, prod(shape)
    (place,) = along
    return prod(shape[:place]), shape[place], prod(shape[place + 1 :])
