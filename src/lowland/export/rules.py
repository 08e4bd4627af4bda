"""The rules of a format: how it says each kind of step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Rule = TypeVar("Rule", bound=Callable[..., object])


class Rules(dict[str, Rule]):
    """Functions by kind of step; each format has one such table."""

    def of(self, *kinds: str) -> Callable[[Rule], Rule]:
        """Registers a function as the rule of these kinds of steps.

        Args:
            kinds: Of steps.
        """

        def register(rule: Rule) -> Rule:
            self.update(dict.fromkeys(kinds, rule))
            return rule

        return register
