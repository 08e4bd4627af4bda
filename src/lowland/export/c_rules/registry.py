"""The rules by kind of step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lowland.export.c_program import Buffer, CProgram
from lowland.export.refusals import tell_all
from lowland.export.results import Site
from lowland.export.rules import Rules

CRule = Callable[..., Buffer]
"""Adds the function of a step: of its site, the program and the buffers that it takes; the buffer that it hands on."""

C_RULES: Rules[CRule] = Rules()
"""By kind of step."""

c_rule = C_RULES.of
"""Makes a function the rule of kinds of steps. Its arguments are the ``Site``, the ``CProgram``, and the ``Buffer`` of
each result that the step takes. It returns the buffer of what the step hands on: as a rule that of
``CProgram.call``.
"""


def tell_steps(sites: Sequence[Site[Any]], program: CProgram, buffers: dict[str, Buffer]) -> None:
    """Add the functions of steps to a program.

    Args:
        sites: In order of computation.
        program: To be added to.
        buffers: What is there before the first step, by name; the buffers of the steps are added.

    Raises:
        MistakesError: Steps that C cannot say, one line each.
    """
    numbers = {site.step.name: index for index, site in enumerate(sites)}

    def tell(rule: CRule, site: Site[Any]) -> None:
        step = site.step
        if all(source in buffers for source in step.inputs):  # else of a step that has been refused
            program.begin(numbers[step.name], step.name)
            buffers[step.name] = rule(site, program, *(buffers[source] for source in step.inputs))

    tell_all(sites, C_RULES, tell, way_out=f"one of {', '.join(C_RULES)}, or export_onnx: C has integers only")
