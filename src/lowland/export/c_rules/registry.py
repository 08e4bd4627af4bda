"""The rules by kind of step."""

from __future__ import annotations

from collections.abc import Callable

from lowland.export.c_program import Buffer

CRule = Callable[..., Buffer]
"""Adds the function of a step: of its site, the program and the buffers that it takes; the buffer that it hands on."""

C_RULES: dict[str, CRule] = {}
"""By kind of step."""


def c_rule(*kinds: str) -> Callable[[CRule], CRule]:
    """Registers a function as the rule of these kinds of steps.

    Its arguments are the ``Site``, the ``CProgram``, and the ``Buffer`` of each result that the step takes. It returns
    the buffer of what the step hands on: as a rule that of ``CProgram.call``.
    """

    def register(rule: CRule) -> CRule:
        C_RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return register
