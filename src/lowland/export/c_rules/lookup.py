"""Steps that look integers up."""

from __future__ import annotations

from lowland.errors import LowlandError
from lowland.export.c_program import FLOAT, Buffer, CProgram, literal
from lowland.export.c_rules.registry import c_rule
from lowland.export.results import Result, Site
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.table_step import Table


@c_rule("table")
def table(site: Site[Table], program: CProgram, codes: Buffer) -> Buffer:
    """The entry of each code, of the nearest one outside."""
    step = site.step
    return program.call(
        "table.c.j2",
        [codes],
        program.buffer(site.result),
        lowest=literal(step.lowest),
        last=len(step.table) - 1,
        table=program.word(step, "table"),
    )


@c_rule("embedding")
def embedding(site: Site[Embedding], program: CProgram, tokens: Buffer) -> Buffer:
    """The row of weights of each token."""
    step = site.step
    rows, features = step.weight.shape
    if tokens.type == FLOAT:
        if not tokens.argument:
            raise LowlandError("takes floats; expected tokens of the network's input")
        tokens = program.entry("tokens.c.j2", site, Result(site.inputs[0].shape, 0, rows - 1), last=rows - 1)
    return program.call(
        "embedding.c.j2",
        [tokens],
        program.buffer(site.result),
        last=rows - 1,
        features=features,
        weight=program.word(step, "weight"),
    )
