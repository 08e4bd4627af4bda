"""What a format cannot say: all of it at once, each with its place and the nearest way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lowland.errors import LowlandError, MistakesError
from lowland.export.results import Site

Rule = TypeVar("Rule")


def tell_all(
    sites: Iterable[Site[Any]], rules: Mapping[str, Rule], tell: Callable[[Rule, Site[Any]], None], *, way_out: str
) -> None:
    """Tell every step by the rule of its kind; what cannot be told is collected.

    Args:
        sites: In order of computation.
        rules: By kind of step.
        tell: Applies the rule to the step; a ``LowlandError`` of it is one thing that cannot be told.
        way_out: What to do with a step of a kind that has no rule, after "step 'a' is a softmax; expected ".

    Raises:
        MistakesError: A line for every step that cannot be told.
    """
    lines = []
    for site in sites:
        step = site.step
        if step.kind not in rules:
            lines.append(f"step {step.name!r} is a {step.kind}; expected {way_out}")
            continue
        try:
            tell(rules[step.kind], site)
        except LowlandError as error:
            lines.append(f"step {step.name!r} ({step.kind}): {error}")
    if lines:
        raise MistakesError(lines)
