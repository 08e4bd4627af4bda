"""Bodies of steps that are repeated along a sequence: recurrent layers."""

from __future__ import annotations

from typing import Any

from lowland.errors import LowlandError
from lowland.export.c_program import FLOAT, Buffer, CProgram, identifier, layout
from lowland.export.c_rules.registry import c_rule, tell_steps
from lowland.export.results import Result, Site, body_sites
from lowland.quantization.graph.step import INPUTS


@c_rule("scan")
def scan(site: Site[Any], program: CProgram, sequence: Buffer, *marks: Buffer) -> Buffer:
    """A loop over places: the functions of the body stand once, its states in static arrays."""
    step, loop = site.step, site.step.loop
    reads, place = [sequence], program.place
    if marks and loop.padding is not None:
        reads.append(_flags(site, program, marks[0]))
    taken, sites = body_sites(site)
    body = program.body(step.name)
    here = Buffer(sequence.type, taken[INPUTS].size, "here")
    states = {
        state: program.buffer(taken[state], name=f"{place}_state_{index}_{identifier(state)}")
        for index, state in enumerate(loop.states)
    }
    buffers = {INPUTS: here, **states}
    tell_steps(sites, body, buffers)
    made = {state: buffers[source] for state, source in loop.states.items()}
    named = {buffer: buffer.argument for buffer in buffers.values() if buffer.argument}
    named |= {buffer: f"{place}_next_{index}" for index, buffer in enumerate(dict.fromkeys(made.values()))}
    return program.call(
        "scan.c.j2",
        reads,
        program.buffer(site.result),
        place=place,
        places=site.inputs[0].shape[0],
        here=here,
        size=loop.size,
        reverse=loop.reverse,
        states=states,
        made=made,
        result=loop.result,
        calls=body.calls,
        layout=layout(body, named),
    )


def _flags(site: Site[Any], program: CProgram, marks: Buffer) -> Buffer:
    """Which places are padded, one number each."""
    if marks.type != FLOAT or not marks.argument:
        raise LowlandError("takes marks of padding that are computed; expected the network's input")
    return program.entry("marks.c.j2", site, Result(site.inputs[1].shape, 0, 1), padding=site.step.loop.padding)
