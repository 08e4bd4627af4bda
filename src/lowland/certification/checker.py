"""Checks stored proofs in rational numbers; shares no code with what finds them.

A proof is about values made one after the other: inputs between two ends, sums of earlier values whose weights and
biases lie in intervals, positive parts of sums, and positive parts of values. It claims that a linear function of them
is nowhere above a bound. Its tree splits on the sign of values (of a positive part of a sum: of the greatest that the
sum can be), and has at every leaf a multiplier for some rows that hold there. Whatever they are, if none is negative,

    c v <= sum_i y_i r_i + sum_j max over l_j <= v_j <= u_j of (c - sum_i y_i a_i)_j v_j    for rows a_i v <= r_i.

All numbers are floats as stored, hence rationals; nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

Affine = tuple[dict[int, Fraction], Fraction]
"""Coefficients by value, and a constant."""


class ProofError(ValueError):
    """A stored proof that does not prove its claim."""


def check_proof(proof: Mapping[str, Any]) -> Fraction:
    """The bound that a proof proves of the values that it stores.

    Whether these are a network's is another question: they are equal to ``stored_values`` of its encoding.

    Args:
        proof: As ``Proof.stored`` gives it, or read from JSON.

    Returns:
        The claimed bound: the linear function is nowhere above it.

    Raises:
        ProofError: A leaf that does not bound the function, a negative multiplier, a row that does not hold, or values
            of which anything would be true: an empty input, a negative radius, terms that come twice or from nowhere.
    """
    bound, terms = Fraction(proof["claim"]["bound"]), proof["claim"]["terms"]
    _check_values(proof["values"])
    _check_places("the claim", [place for place, _ in terms], len(proof["values"]))
    costs = {place: Fraction(factor) for place, factor in terms}
    _check(proof["tree"], {}, proof["values"], costs, bound)
    return bound


def _check_values(values: Sequence[Any]) -> None:
    """Every value is made of earlier ones, each taken once, and there is at least one of it."""
    for place, value in enumerate(values):
        kind, name = value["kind"], f"value {place}"
        if kind == "input":
            if Fraction(value["lower"]) > Fraction(value["upper"]):
                raise ProofError(f"{name} lies from {value['lower']} to {value['upper']}; expected the lower end first")
        elif kind == "part":
            _check_places(name, [value["of"]], place)
        elif kind == "sum":
            _check_places(name, [source for source, _, _ in value["terms"]], place)
            if min(Fraction(radius) for radius in (value["radius"], *(term[2] for term in value["terms"]))) < 0:
                raise ProofError(f"{name} has a negative radius; expected none")
        else:
            raise ProofError(f"{name} is of kind {kind!r}; expected input, part or sum")


def _check_places(name: str, places: Sequence[Any], end: int) -> None:
    known = all(type(place) is int and 0 <= place < end for place in places)
    if not known or len(set(places)) < len(places):
        raise ProofError(f"{name} takes values {places}; expected different ones below {end}")


def _check(
    tree: Any, signs: dict[int, int], values: Sequence[Any], costs: dict[int, Fraction], bound: Fraction
) -> None:
    if "split" in tree:
        for name, sign in (("negative", -1), ("positive", 1)):  # both: together they are everything
            _check(tree[name], signs | {int(tree["split"]): sign}, values, costs, bound)
        return
    leaf = _Leaf(values, signs)
    if leaf.empty:
        return
    rest, total = dict(costs), Fraction(0)
    for name, place, multiplier in tree["multipliers"]:
        factor = Fraction(multiplier)
        if factor < 0 or (name, place) not in leaf.rows:
            raise ProofError(
                f"row {name} of value {place} has multiplier {multiplier}; expected none, with signs {signs}"
            )
        terms, right = leaf.rows[name, place]
        total += factor * right
        for other, coefficient in terms.items():
            rest[other] = rest.get(other, Fraction(0)) - factor * coefficient
    for place, rate in rest.items():
        total += max(rate * leaf.lower[place], rate * leaf.upper[place])
    if total > bound:
        raise ProofError(f"a leaf bounds the function by {float(total)}; expected at most {float(bound)}, as claimed")


class _Leaf:
    """Ends of all values and the rows that hold between them, where some signs are known."""

    def __init__(self, values: Sequence[Any], signs: dict[int, int]) -> None:
        self.lower: list[Fraction] = []
        self.upper: list[Fraction] = []
        self.rows: dict[tuple[str, int], Affine] = {}
        self.empty = False
        for place, value in enumerate(values):
            sign = signs.get(place, 0)
            if value["kind"] == "input":
                low, high = Fraction(value["lower"]), Fraction(value["upper"])
            elif value["kind"] == "part":
                low, high = self._part(place, value["of"])
            else:
                low, high = self._sum(place, value, sign)
            if not value.get("positive") and sign:
                low, high = (max(low, Fraction(0)), high) if sign > 0 else (low, min(high, Fraction(0)))
            self.lower.append(low)
            self.upper.append(high)
            self.empty |= low > high

    def _at_most(self, name: str, place: int, left: dict[int, Fraction], right: Affine) -> None:
        """Keep the row left <= right."""
        terms = dict(left)
        for other, factor in right[0].items():
            terms[other] = terms.get(other, Fraction(0)) - factor
        self.rows[name, place] = (terms, right[1])

    def _part(self, place: int, source: int) -> tuple[Fraction, Fraction]:
        low, high = self.lower[source], self.upper[source]
        one = {place: Fraction(1)}
        self._at_most("above", place, {source: Fraction(1)}, (one, Fraction(0)))
        self._at_most("below", place, one, _chord(({source: Fraction(1)}, Fraction(0)), low, high))
        return max(low, Fraction(0)), max(high, Fraction(0))

    def _sum(self, place: int, value: Any, sign: int) -> tuple[Fraction, Fraction]:
        bias, reach = Fraction(value["bias"]), Fraction(value["radius"])
        # The greatest and the least that the sum can be with given summands, and what bounds these linearly.
        above: Affine = ({}, bias + reach)
        below: Affine = ({}, bias - reach)
        beneath: Affine = ({}, bias + reach)  # below the greatest
        top_low = top_high = bias + reach
        bottom_low = bias - reach
        for source, weight, radius in value["terms"]:
            w, e = Fraction(weight), Fraction(radius)
            low, high = self.lower[source], self.upper[source]
            slope, constant = _absolute(low, high)
            above[0][source], above = w + e * slope, (above[0], above[1] + e * constant)
            below[0][source], below = w - e * slope, (below[0], below[1] - e * constant)
            beneath[0][source] = w + e * (slope if constant == 0 else 0)
            ends = (w * low + e * abs(low), w * high + e * abs(high))
            top_high += max(ends)
            top_low += min(*ends, Fraction(0)) if low < 0 < high else min(ends)
            bottom_low += min(w * low - e * abs(low), w * high - e * abs(high))
        one, zero = {place: Fraction(1)}, Fraction(0)
        self._at_most("above", place, below[0], (one, -below[1]))
        if not value["positive"]:
            self._at_most("below", place, one, above)
            return bottom_low, top_high
        if sign > 0:
            self._at_most("sign", place, {}, above)
        if sign < 0:
            self._at_most("sign", place, beneath[0], ({}, -beneath[1]))
            self.empty |= top_low > 0
            return max(bottom_low, zero), zero
        self._at_most("below", place, one, above if sign > 0 else _chord(above, top_low, top_high))
        return max(bottom_low, zero), max(top_high, zero)


def _absolute(low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    """Slope and constant of a line that is nowhere below |u| between two ends; the constant is 0 where it is |u|."""
    if low >= 0:
        return Fraction(1), Fraction(0)
    if high <= 0:
        return Fraction(-1), Fraction(0)
    return (high + low) / (high - low), -2 * high * low / (high - low)


def _chord(of: Affine, low: Fraction, high: Fraction) -> Affine:
    """What is nowhere below the positive part of something between two ends."""
    if low >= 0:
        return of
    slope = high / (high - low) if high > 0 else Fraction(0)
    return {place: slope * factor for place, factor in of[0].items()}, slope * (of[1] - low)
