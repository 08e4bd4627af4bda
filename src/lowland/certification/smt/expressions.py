"""SMT-LIB 2 text as it grows: variables, sums and what is asserted of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from lowland.certification.smt.rationals import literal


@dataclass(frozen=True, slots=True)
class Variable:
    """A real variable by its name."""

    name: str


def symbol(name: str) -> str:
    """What a variable is called in SMT-LIB, where names begin with a letter.

    Args:
        name: Of an operation or a parameter, and a place in it.
    """
    return "n." + re.sub(r"[^A-Za-z0-9_.]", lambda found: f"u{ord(found.group()):x}.", name)


Value = Fraction | Variable
"""A number of the network: known, or one that the solver finds."""


def scaled(factor: Fraction, value: Value) -> Fraction | str:
    """A number times a value: a number, or text.

    Args:
        factor: Known.
        value: Known or not.
    """
    if isinstance(value, Fraction):
        return factor * value
    if factor == 0:
        return Fraction(0)
    return value.name if factor == 1 else f"(* {literal(factor)} {value.name})"


def total(terms: Iterable[Fraction | str]) -> str:
    """The text of a sum, known numbers added up.

    Args:
        terms: Numbers and text.
    """
    constant, texts = Fraction(0), []
    for term in terms:
        if isinstance(term, Fraction):
            constant += term
        else:
            texts.append(term)
    if constant or not texts:
        texts.append(literal(constant))
    return texts[0] if len(texts) == 1 else f"(+ {' '.join(texts)})"


class Assertions:
    """Declarations and assertions of an SMT-LIB 2 script."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def variable(self, name: str) -> Variable:
        """A new real variable."""
        variable = Variable(symbol(name))
        self._lines.append(f"(declare-fun {variable.name} () Real)")
        return variable

    def bounded(self, name: str, low: Fraction, high: Fraction) -> Variable:
        """A new real variable between two numbers."""
        variable = self.variable(name)
        self.say(f"(<= {literal(low)} {variable.name})")
        self.say(f"(<= {variable.name} {literal(high)})")
        return variable

    def equal(self, name: str, expression: str) -> Variable:
        """A new real variable that equals an expression."""
        variable = self.variable(name)
        self.say(f"(= {variable.name} {expression})")
        return variable

    def say(self, formula: str) -> None:
        """Assert a formula."""
        self._lines.append(f"(assert {formula})")

    @staticmethod
    def compare(relation: str, expression: str, number: Fraction) -> str:
        """An expression against a number."""
        return f"({relation} {expression} {literal(number)})"

    @staticmethod
    def any_of(formulas: Sequence[str]) -> str:
        """At least one of them holds; of none: nothing does."""
        if len(formulas) == 1:
            return formulas[0]
        return f"(or {' '.join(formulas)})" if formulas else "false"

    @staticmethod
    def all_of(formulas: Sequence[str]) -> str:
        """All of them hold."""
        if len(formulas) == 1:
            return formulas[0]
        return f"(and {' '.join(formulas)})" if formulas else "true"

    @staticmethod
    def difference(values: Sequence[Value], signs: Iterable[tuple[int, int]]) -> str:
        """Some of the values, added or subtracted.

        Args:
            values: Of the outputs.
            signs: Place and 1 or -1.
        """
        return total(scaled(Fraction(sign), values[place]) for place, sign in signs)

    def text(self, logic: str, asked: Sequence[str]) -> str:
        """The whole script.

        Args:
            logic: Its name in SMT-LIB.
            asked: Variables whose values are wanted.
        """
        values = [f"(get-value ({' '.join(asked)}))"] if asked else []
        head = ["(set-option :produce-models true)", f"(set-logic {logic})"]
        return "\n".join([*head, *self._lines, "(check-sat)", *values, "(exit)", ""])
