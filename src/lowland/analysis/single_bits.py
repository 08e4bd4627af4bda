"""What is known of single bits: the worst flip, what protecting bits is worth, what a greedy search breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

MEASURED = (
    "worst_flip_drop",
    "bit_error_slope",
    "protected_bits",
    "protected_bits_simulated",
    "score_after_search",
)


@dataclass(frozen=True, slots=True)
class WorstFlip:
    """The most damaging single flip.

    Attributes:
        drop: How much of the score it costs.
        tensor: Where it sits; None where the map is not there.
        from_top: Its place in the word, 1 being the most significant bit; 0 without the map.
        bits: Of the word; 0 without the map.
    """

    drop: float
    tensor: str | None = None
    from_top: int = 0
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Slope:
    """Score lost per unit of bit error rate, where errors are few.

    Attributes:
        value: The slope.
        error: Two standard errors over the rows.
    """

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated score.

    Attributes:
        protected: How many bits are protected.
        score: Its mean.
        error: Two standard errors; NaN where unknown.
    """

    protected: int
    score: float
    error: float


@dataclass(frozen=True, slots=True)
class Secded:
    """Words that correct one error and detect two, the other way to protect.

    Attributes:
        rate: The bit error rate that they leave.
        overhead: Share of more memory.
    """

    rate: float
    overhead: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionPlan:
    """What triplicating bits is worth at one bit error rate.

    Attributes:
        rate: The bit error rate.
        floor: The score that must be kept.
        num_bits: Stored bits.
        unprotected: The score without protection; None where it was not simulated.
        unprotected_expected: The same to first order; None where unknown.
        needed: Fewest bits that hold the floor by simulation; None where not even all do.
        needed_expected: The same to first order.
        checked: The simulation at or next above ``needed``; None where there is none.
        secded: The other way; None where unknown.
    """

    rate: float
    floor: float
    num_bits: int
    unprotected: Simulated | None
    unprotected_expected: float | None
    needed: int | None
    needed_expected: int | None
    checked: Simulated | None
    secded: Secded | None

    @property
    def flips(self) -> float:
        """How many flips are expected at this rate."""
        return self.rate * self.num_bits

    @property
    def extra(self) -> int | None:
        """Additional bits of memory: two for each that is triplicated."""
        return None if self.needed is None else 2 * self.needed

    @property
    def share(self) -> float | None:
        """The same as a share of the memory."""
        return None if self.extra is None else self.extra / self.num_bits


@dataclass(frozen=True, slots=True)
class Search:
    """The score after the flips of a greedy search, all on the same rows.

    Attributes:
        clean: Before them; None where unknown.
        steps: Number of flips and the score left, rising.
    """

    clean: float | None
    steps: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleBits:
    """What is known of the single bits of one network; each part is None where it is not.

    Attributes:
        precision: Of the network.
        worst: The most damaging flip.
        slope: What few errors cost.
        plan: What protection is worth, at ``shown_rate``.
        search: What a greedy search breaks.
        mapped: Whether there is a picture of its bits.
    """

    precision: str
    worst: WorstFlip | None
    slope: Slope | None
    plan: ProtectionPlan | None
    search: Search | None
    mapped: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known."""
        return not (self.mapped or self.worst or self.slope or self.plan or self.search)


@dataclass(frozen=True, slots=True)
class RecipeBits:
    """What is known of single bits of one recipe, of its first seed that was looked at.

    Attributes:
        recipe: Which.
        preferred: Whether it is the one that was asked for.
        networks: One per precision of which something is known.
    """

    recipe: str
    preferred: bool
    networks: tuple[SingleBits, ...]


def single_bits(
    measurements: pd.DataFrame,
    pictures: Mapping[str, pd.DataFrame],
    *,
    recipes: Sequence[str],
    precisions: Sequence[str],
    preferred: str | None = None,
) -> RecipeBits | None:
    """What is known of single bits of one recipe.

    Args:
        measurements: The long table of one task.
        pictures: ``flip_map`` and ``protection`` of the task, either may be missing or empty.
        recipes: In their order.
        precisions: In their order.
        preferred: The recipe wanted; where nothing is known of it, the first of which something is takes its place.

    Returns:
        None where nothing was measured, or every network that was looked at was lost.
    """
    rows = measurements[measurements.measure.isin(MEASURED)]
    flip_map, protection = (pictures.get(kind, pd.DataFrame()) for kind in ("flip_map", "protection"))
    tables = [table for table in (flip_map, protection) if len(table)]
    known = set(rows.recipe).union(*(table.recipe for table in tables))
    if not known:
        return None
    chosen = preferred if preferred is not None and preferred in known else next(n for n in recipes if n in known)
    networks = [
        _of_a_network(precision, *(_first_seed(table, chosen, precision) for table in (rows, flip_map, protection)))
        for precision in precisions
    ]
    kept = tuple(network for network in networks if not network.is_empty)
    return RecipeBits(chosen, chosen == preferred, kept) if kept or tables else None


def shown_rate(protection: pd.DataFrame) -> float:
    """At which bit error rate plans are shown, of those that were made: the highest, where most is at stake.

    Args:
        protection: The table of protection plans.
    """
    return float(protection.bit_error_rate.max())


def _of_a_network(precision: str, rows: pd.DataFrame, flips: pd.DataFrame, protection: pd.DataFrame) -> SingleBits:
    return SingleBits(
        precision=precision,
        worst=_worst(rows, flips),
        slope=_slope(rows),
        plan=_plan(protection),
        search=_search(rows),
        mapped=bool(len(flips) or len(protection)),
    )


def _first_seed(table: pd.DataFrame, recipe: str, precision: str) -> pd.DataFrame:
    if table.empty:
        return table
    rows = table[(table.recipe == recipe) & (table.precision == precision)]
    return rows[rows.seed == rows.seed.iloc[0]] if len(rows) else rows


def _worst(rows: pd.DataFrame, flips: pd.DataFrame) -> WorstFlip | None:
    drop = _value(rows[rows.measure == "worst_flip_drop"])
    if not len(flips) or not flips.largest_score_drop.notna().any():
        return None if drop is None else WorstFlip(drop)
    top = flips.loc[flips.largest_score_drop.idxmax()]
    worst = float(top.largest_score_drop) if drop is None else drop
    return WorstFlip(worst, str(top.tensor), int(top.bits - top.bit), int(top.bits))


def _plan(protection: pd.DataFrame) -> ProtectionPlan | None:
    if not len(protection):
        return None
    plan = protection[protection.bit_error_rate == shown_rate(protection)].sort_values("protected")
    first = plan.iloc[0]
    needed, expected = (None if v != v else int(v) for v in (first.needed_by_simulation, first.needed))
    simulated = plan[plan.simulated.notna()]
    bare = simulated[simulated.protected == 0]
    checked = simulated[simulated.protected >= needed] if needed is not None else plan[:0]
    return ProtectionPlan(
        rate=float(first.bit_error_rate),
        floor=float(first.floor),
        num_bits=int(first.num_bits),
        unprotected=_simulated(bare.iloc[0]) if len(bare) else None,
        unprotected_expected=float(first.expected) if first.protected == 0 else None,
        needed=needed,
        needed_expected=expected,
        checked=_simulated(checked.iloc[0]) if len(checked) else None,
        secded=Secded(float(first.secded_rate), float(first.secded_overhead)) if "secded_rate" in plan else None,
    )


def _simulated(row: pd.Series) -> Simulated:
    return Simulated(int(row.protected), float(row.simulated), 2 * float(row.simulated_standard_error))


def _search(rows: pd.DataFrame) -> Search | None:
    found = rows[(rows.measure == "score_after_search") & (rows.status == "ok")].sort_values("level")
    flipped = found[found.level > 0]
    if not len(flipped):
        return None
    steps = tuple((int(k), float(v)) for k, v in zip(flipped.level, flipped.value, strict=True))
    return Search(_value(found[found.level == 0]), steps)


def _slope(rows: pd.DataFrame) -> Slope | None:
    known = rows[(rows.measure == "bit_error_slope") & (rows.status == "ok")]
    return Slope(float(known.value.iloc[0]), 2 * float(known.standard_error.iloc[0])) if len(known) else None


def _value(rows: pd.DataFrame) -> float | None:
    known = rows[(rows.status == "ok") & rows.value.notna()]
    return float(known.value.iloc[0]) if len(known) else None
