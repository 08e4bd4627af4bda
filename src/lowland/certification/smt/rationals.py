"""Exact numbers: floats as fractions, their text, and the sigmoid between rational bounds."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from fractions import Fraction

from torch import Tensor

_CONTEXT = Context(prec=60)  # its ln and exp are correctly rounded
_SLACK = Fraction(1, 10**40)  # above the error of what is computed with 60 digits, for logits up to 10,000
_GRID = 2**40  # thresholds have this denominator: short text at a loss of 1e-12
_FAR = 10_000  # a logit beyond is as good as infinite; exp stays within the range of decimals


def fractions(values: Tensor) -> list[Fraction]:
    """Every number of a tensor, flattened and exact.

    Args:
        values: Finite floats of any shape.
    """
    return [Fraction(value) for value in values.detach().double().flatten().tolist()]


def literal(value: Fraction | int) -> str:
    """A number as SMT-LIB writes it.

    Args:
        value: Exact.
    """
    value = Fraction(value)
    text = f"{abs(value.numerator)}.0"
    if value.denominator != 1:
        text = f"(/ {text} {value.denominator}.0)"
    return f"(- {text})" if value < 0 else text


def confidence(logit: Fraction) -> tuple[Fraction, Fraction]:
    """The sigmoid of a logit, from below and above.

    Args:
        logit: Exact.

    Returns:
        Two numbers in [0, 1], 2e-40 apart.
    """
    clamped = max(min(logit, Fraction(_FAR)), Fraction(-_FAR))
    exponential = Fraction(_CONTEXT.exp(_decimal(-abs(clamped))))  # at most 1: errors are absolute ones
    value = 1 / (1 + exponential) if logit >= 0 else exponential / (1 + exponential)
    return max(value - _SLACK, Fraction(0)), min(value + _SLACK, Fraction(1))


def logit_below(probability: Fraction) -> Fraction | None:
    """A rational number a little below the logit of a probability; ``None`` where that is infinite.

    Args:
        probability: Anything; at 0 or below the logit is minus infinity, from 1 on infinity.
    """
    if not 0 < probability < 1:
        return None
    value = Fraction(_CONTEXT.ln(_decimal(probability / (1 - probability))))
    return Fraction((value - _SLACK) * _GRID // 1, _GRID)


def logit_above(probability: Fraction) -> Fraction | None:
    """A rational number a little above the logit of a probability; ``None`` where that is infinite.

    Args:
        probability: See ``logit_below``.
    """
    below = logit_below(1 - probability)
    return None if below is None else -below


def change_of_confidence(before: Fraction, after: Fraction) -> tuple[Fraction, Fraction]:
    """How far the confidence moves between two logits, from below and above.

    Args:
        before: Logit of either class; the other one's confidence moves as far.
        after: Likewise.
    """
    low, high = confidence(before), confidence(after)
    if before > after:
        low, high = high, low
    return max(high[0] - low[1], Fraction(0)), high[1] - low[0]


def float_below(value: Fraction) -> float:
    """The nearest float that is not above a number.

    Args:
        value: Exact.
    """
    rounded = float(value)
    return rounded if Fraction(rounded) <= value else math.nextafter(rounded, -math.inf)


def float_above(value: Fraction) -> float:
    """The nearest float that is not below a number.

    Args:
        value: Exact.
    """
    return -float_below(-value)


def _decimal(value: Fraction) -> Decimal:
    return _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))
