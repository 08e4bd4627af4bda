"""Steps that compute with integers element by element: sums, products, means, opposites."""

from __future__ import annotations

from typing import Any

from lowland.export.c_program import Buffer, CProgram
from lowland.export.c_rules.registry import c_rule
from lowland.export.places import in_order, places_averaged, places_spread
from lowland.export.results import Site


@c_rule("add")
def add(site: Site[Any], program: CProgram, *codes: Buffer) -> Buffer:
    """The sum of all."""
    return _elementwise(site, program, codes, "+")


@c_rule("multiply")
def multiply(site: Site[Any], program: CProgram, *codes: Buffer) -> Buffer:
    """The product."""
    return _elementwise(site, program, codes, "*")


def _elementwise(site: Site[Any], program: CProgram, codes: tuple[Buffer, ...], operator: str) -> Buffer:
    """What is broadcast is read by a table of places."""
    operands = []
    for index, (value, buffer) in enumerate(zip(site.inputs, codes, strict=True)):
        places = places_spread(value.shape, site.result.shape)
        direct = buffer.size == site.result.size and in_order(places)
        operands.append("i" if direct else f"{program.table(f'places_{index}', places - 1)}[i]")
    widest = program.buffer(site.result, at_least=32)
    return program.call(
        "elementwise.c.j2",
        codes,
        program.buffer(site.result),
        operands=operands,
        operator=f" {operator} ",
        type=widest.type,
    )


@c_rule("mean")
def mean(site: Site[Any], program: CProgram, codes: Buffer) -> Buffer:
    """The sum over the dimensions: the division is the scale's."""
    places = places_averaged(site)
    count = places.shape[1]
    at = f"i * {count} + j" if in_order(places) else f"{program.table('places', places - 1)}[i * {count} + j]"
    widest = program.buffer(site.result, at_least=32)
    return program.call("sum.c.j2", [codes], program.buffer(site.result), count=count, at=at, type=widest.type)


@c_rule("rescale")
def rescale(site: Site[Any], program: CProgram, codes: Buffer) -> Buffer:
    """The buffer itself, or its opposites: the size of the factor is the scale's."""
    if site.step.factor > 0:
        return codes
    return program.call("opposite.c.j2", [codes], program.buffer(site.result))
