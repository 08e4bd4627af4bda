"""What SMT solvers print, as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import numpy as np

Expression = str | list["Expression"]
Told = Literal["sat", "delta-sat", "unsat", "unknown"]

_TOKEN = re.compile(r"\|[^|]*\||[()]|[^\s()]+")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?\Z")
_INTERVAL = re.compile(r"^\s*(\S+)\s*:\s*\[\s*([^,\]]+)\s*,\s*([^\]]+)\s*\]\s*$", re.MULTILINE)


def told(output: str) -> Told | None:
    """The answer in a solver's output; ``None`` where there is none.

    Args:
        output: All that it printed.
    """
    for line in map(str.strip, output.splitlines()):
        if line in ("sat", "unsat", "unknown"):
            return line  # type: ignore[return-value]  # one of them
        if line.startswith("delta-sat"):
            return "delta-sat"
        if line == "timeout":
            return "unknown"
    return None


def values_in(output: str) -> dict[str, Fraction]:
    """The numbers of a model, by variable: of ``get-value``, of ``get-model``, or dReal's intervals (their middle).

    Args:
        output: All that the solver printed. Roots of polynomials are rounded: who uses them computes again.
    """
    found = {
        name: (Fraction(Decimal(low.strip())) + Fraction(Decimal(high.strip()))) / 2
        for name, low, high in _INTERVAL.findall(output)
        if "inf" not in low.lower() + high.lower()
    }
    for expression in expressions_in(output):
        found |= dict(_pairs(expression))
    return found


def expressions_in(text: str) -> list[Expression]:
    """Everything in parentheses, as nested lists of words; what stands outside is left out.

    Args:
        text: In which parentheses match, as far as it goes.
    """
    stack: list[list[Expression]] = [[]]
    for token in _TOKEN.findall(text):
        if token == "(":
            stack.append([])
        elif token == ")" and len(stack) > 1:
            finished = stack.pop()
            stack[-1].append(finished)
        elif token != ")":
            stack[-1].append(token)
    return [expression for expression in stack[0] if isinstance(expression, list)]


def _pairs(expression: Expression) -> Iterator[tuple[str, Fraction]]:
    """Names with numbers: ``(name number)`` and ``(define-fun name () Real number)``, however deep."""
    if not isinstance(expression, list):
        return
    if len(expression) == 5 and expression[0] == "define-fun":
        expression = [expression[1], expression[4]]
    if len(expression) == 2 and isinstance(expression[0], str) and (number := _number(expression[1])) is not None:
        yield expression[0], number
        return
    for part in expression:
        yield from _pairs(part)


def _number(expression: Expression) -> Fraction | None:
    if isinstance(expression, str):
        return Fraction(Decimal(expression)) if _NUMBER.match(expression) else None
    match expression:
        case ["-", one]:
            value = _number(one)
            return None if value is None else -value
        case ["/", one, other]:
            above, below = _number(one), _number(other)
            return None if above is None or not below else above / below
        case ["root-obj", polynomial, str(index)]:
            return _root(polynomial, int(index))
    return None


def _root(polynomial: Expression, index: int) -> Fraction:
    """The index-th real root of a polynomial in x, rounded."""
    coefficients: dict[int, Fraction] = {}
    terms = polynomial[1:] if polynomial[0] == "+" else [polynomial]
    for term in terms:
        degree, factor = _term(term)
        coefficients[degree] = coefficients.get(degree, Fraction(0)) + factor
    highest = max(coefficients)
    dense = [float(coefficients.get(degree, 0) / coefficients[highest]) for degree in range(highest, -1, -1)]
    roots = np.roots(dense)
    real = sorted(roots.real[np.abs(roots.imag) <= 1e-6 * (1 + np.abs(roots.real))])
    return Fraction(float(real[min(index, len(real)) - 1]))


def _term(term: Expression) -> tuple[int, Fraction]:
    """Degree and factor of one term: a number, x, (^ x n), or (* number one of these)."""
    if (number := _number(term)) is not None:
        return 0, number
    match term:
        case ["^", _, str(power)]:
            return int(power), Fraction(1)
        case ["*", *factors]:
            degrees, numbers = zip(*map(_term, factors), strict=True)
            product = Fraction(1)
            for factor in numbers:
                product *= factor
            return sum(degrees), product
        case ["-", inner]:
            degree, factor = _term(inner)
            return degree, -factor
    return 1, Fraction(1)
