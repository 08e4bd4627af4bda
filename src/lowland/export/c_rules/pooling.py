"""Pooling of integers."""

from __future__ import annotations

from typing import Any

from lowland.export.c_program import Buffer, CProgram
from lowland.export.c_rules.registry import c_rule
from lowland.export.places import Axis, pooling_axes
from lowland.export.results import Site


@c_rule("max_pool1d", "max_pool2d")
def max_pool(site: Site[Any], program: CProgram, codes: Buffer) -> Buffer:
    """The largest integer of each window."""
    return _pool(site, program, codes, largest=True)


@c_rule("avg_pool1d", "avg_pool2d")
def sum_pool(site: Site[Any], program: CProgram, codes: Buffer) -> Buffer:
    """The sum of each window."""
    return _pool(site, program, codes, largest=False)


def _pool(site: Site[Any], program: CProgram, codes: Buffer, *, largest: bool) -> Buffer:
    axes = pooling_axes(site)
    height, width = axes if len(axes) == 2 else (Axis(1, 1, 1, 1, 0, 1), *axes)
    reaches = {}
    for name, axis in (("y", height), ("x", width)):
        inside = [axis.offsets(window) for window in range(axis.windows)]
        reaches[f"first_{name}"] = program.table(f"first_{name}", [offsets.start for offsets in inside])
        reaches[f"end_{name}"] = program.table(f"end_{name}", [offsets.stop for offsets in inside])
    return program.call(
        "pool.c.j2",
        [codes],
        program.buffer(site.result),
        largest=largest,
        channels=site.result.shape[0],
        height=height,
        width=width,
        **reaches,
    )
