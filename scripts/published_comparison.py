"""One task's measurements beside the published figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lowland.scores import sign
from lowland.vocabulary.measures import MEASURES, SCORES
from scripts.published_statistics import (
    MISSING,
    NOTHING,
    UNCLEAR,
    Interval,
    at,
    by_bits,
    contrast,
    jackknife,
    over_bits,
    seed_pairs,
    t_interval,
)

NOISE = ("noise", "gaussian")
NOISE_LEVEL = 10.0
CURVATURE = "largest_eigenvalue"
AGREES, DIFFERS, NO_VERDICT = "agrees", "differs", "–"
WORDS = {"plain": "plain", "jacobian": "Jacobian", "orthogonal": "orthogonal"}
REFERENCE = ("plain", 12)
"""Recipe and bit width that scores are divided by: their own size is that of the wafers and of how long one trains."""
FINE = 0.1
"""Half of an interval, as a share of the published figure, from which on nothing can be said to agree with it."""


class Figure(NamedTuple):
    """One published number beside ours; the ratios are those to the reference, where there is one."""

    recipe: str
    what: str
    published: str
    ours: str
    verdict: str
    published_ratio: str = NO_VERDICT
    our_ratio: str = NO_VERDICT


def shown(found: Interval, seeds: int, *, times: bool = False) -> str:
    """A number or a factor with its interval, and how many seeds are behind it where some are missing."""
    if not found.number:
        return MISSING
    mean, low, high = (f"{number:.2f}" if times else f"{number:.3g}" for number in found[:3])
    text = f"{mean}{'×' if times else ''}" + ("" if np.isnan(found.low) else f" [{low}, {high}]")
    return text if found.number >= seeds else f"{text}, {found.number} of {seeds} seeds"


def agreement(published: float, ours: Interval, *, reading_error: float, seeds: int, fine: float | None = None) -> str:
    """Whether the interval of ours, as wide as the reading error at least, holds the published number.

    Args:
        published: Read off a plot.
        ours: With its interval.
        reading_error: Of the published one.
        seeds: That there should be: without one of them there is no verdict.
        fine: Half of an interval that is too wide to agree with anything; a tenth of the published number without it.
    """
    if not ours.number:
        return MISSING
    if np.isnan(ours.low) or ours.number < seeds:
        return UNCLEAR
    if not ours.low - reading_error <= published <= ours.high + reading_error:
        return DIFFERS
    wide = (ours.high - ours.low) / 2 > (FINE * abs(published) if fine is None else fine)
    return UNCLEAR if wide else AGREES


class TaskComparison:
    """One task's measurements beside its published figures.

    Args:
        name: Of the task.
        rows: Its part of the long table.
        published: The whole of `published.yml`.
        told: Sentences on data and training, for the page.
    """

    def __init__(self, name: str, rows: pd.DataFrame, published: dict[str, Any], told: Sequence[str] = ()) -> None:
        self.name, self.rows, self.told = name, rows, tuple(told)
        self.figures: dict[str, Any] = published["tasks"][name]
        self.title = self.figures["title"]
        self.causes: dict[str, str] = published["causes"][name]
        self.has_figures = "clean" in self.figures
        self.reading_error = float(published["reading_error"])
        self.robust_bits: list[int] = published["robust_bits"]
        scores = rows.measure[(rows.family == "performance") & rows.measure.isin(SCORES)]
        self.score = str(scores.iloc[0])
        self.higher_is_better = sign(self.score) > 0
        self.present = set(rows.recipe)
        self.num_seeds = int(rows.seed[rows.seed != "pairs"].nunique())

    @property
    def label(self) -> str:
        """The score in words, with its unit."""
        measure = MEASURES[self.score]
        return measure.label if measure.unit == "1" else f"{measure.label} ({measure.unit})"

    @property
    def scope(self) -> str:
        """What was measured."""
        bits = sorted(self.rows.weight_bits[self.rows.method == "qat"].unique())
        tuned = ", ".join(map(str, bits)) or "none"
        return f"{len(self.present)} recipes, {self.num_seeds} seeds, QAT at {tuned} bits"

    def chosen(self, published: str) -> str:
        """Our recipe for a published one: the first of its names that was measured."""
        names: list[str] = self.figures["recipes"][published]
        return next((name for name in names if name in self.present), names[0])

    def scores(self, recipe: str, disturbance: tuple[str, str] | None, level: float | None = None) -> pd.DataFrame:
        """The score [bits, seeds], clean or disturbed."""
        family, condition = disturbance or ("performance", "")
        return by_bits(self.rows, recipe=recipe, family=family, measure=self.score, condition=condition, level=level)

    def clean(self) -> list[Figure]:
        """Clean scores by recipe and bit width."""
        return self._scored("clean", None, None)

    def noise(self) -> list[Figure]:
        """Scores under Gaussian noise: the best bit width and the published others; then what noise costs at all."""
        found = self._scored("noise", NOISE, NOISE_LEVEL)
        if found:
            recipe, bits = REFERENCE
            noisy, clean = self.figures["noise"][recipe][bits], self.figures["clean"][recipe][bits]
            ours = self._ratio(
                at(self.scores(self.chosen(recipe), NOISE, NOISE_LEVEL), bits),
                at(self.scores(self.chosen(recipe), None), bits),
            )
            row = Figure(self._named(recipe, self.chosen(recipe)), f"{bits} bits, noisy over clean", "", "", "")
            found.append(self._relative(row, (noisy, clean), ours)._replace(published=NO_VERDICT, ours=NO_VERDICT))
        return found

    def _scored(self, name: str, disturbance: tuple[str, str] | None, level: float | None) -> list[Figure]:
        """Scores beside the published ones; what is judged is how they stand to the reference."""
        published_recipe, bits = REFERENCE
        reference = at(self.scores(self.chosen(published_recipe), disturbance, level), bits)
        found = []
        for published, values in self.figures.get(name, {}).items():
            base = self.figures[name][published_recipe][bits]
            for recipe in self.figures["recipes"][published]:
                table = self.scores(recipe, disturbance, level)
                for width, value in values.items():
                    ours, what, number = at(table, width), f"{width} bits", value
                    if width == "best":
                        best = best_bits(table, higher_is_better=self.higher_is_better)
                        ours, number = at(table, best), value["score"]
                        what = f"best bit width (published {value['bits']}, ours {best or 'not measured'})"
                    row = Figure(
                        self._named(published, recipe),
                        what,
                        f"{number:.2f}",
                        shown(t_interval(ours), self.num_seeds),
                        NO_VERDICT,
                        "1",
                        "1",
                    )
                    if (published, width) != REFERENCE:
                        row = self._relative(row, (number, base), self._ratio(ours, reference))
                    found.append(row)
        return found

    def _relative(self, row: Figure, published: tuple[float, float], ours: Interval) -> Figure:
        """The row with the ratio of two published scores, our logarithm of it and the verdict."""
        first, second = published
        verdict = agreement(
            np.log(first / second),
            ours,
            reading_error=self.reading_error / first + self.reading_error / second,
            seeds=self.num_seeds,
            fine=np.log(1 + FINE),
        )
        times = shown(_exponential(ours), self.num_seeds, times=True)
        return row._replace(published_ratio=f"{first / second:.2f}×", our_ratio=times, verdict=verdict)

    def _ratio(self, first: pd.Series, second: pd.Series) -> Interval:
        return contrast(np.log(first.where(first > 0)), np.log(second.where(second > 0)))

    def _named(self, published: str, recipe: str) -> str:
        return f"{WORDS[published]} (`{recipe}`)"

    def cka(self) -> list[Figure]:
        """Likeness of seeds: lowest and highest of the bit widths; beside them, that of the encoder's layers."""
        found = []
        for published, ends in self.figures.get("cka", {}).items():
            for recipe in self.figures["recipes"][published]:
                ours = {bits: jackknife(pairs) for bits, pairs in seed_pairs(self.rows, recipe).items()}
                inner = {bits: jackknife(pairs) for bits, pairs in self._encoder_pairs(recipe).items()}
                for what, value, choose in (("lowest", ends[0], min), ("highest", ends[1], max)):
                    bits, end = _end(ours, choose)
                    where = "" if bits is None else f" (at {bits} bits)"
                    verdict = agreement(value, end, reading_error=self.reading_error, seeds=self.num_seeds)
                    row = Figure(
                        self._named(published, recipe), f"{what} of the bit widths{where}", f"{value:.2f}", "", ""
                    )
                    found.append(row._replace(ours=shown(end, self.num_seeds), verdict=verdict))
                    bits, end = _end(inner, choose)
                    if bits is not None:
                        what = f"{what}, mean of the encoder's layers (at {bits} bits)"
                        text = shown(end, self.num_seeds)
                        found.append(row._replace(what=what, ours=text, verdict=NO_VERDICT))
        return found

    def _encoder_pairs(self, recipe: str) -> dict[int, dict[frozenset[str], float]]:
        """Bits -> pair of seeds -> mean CKA of the layers whose CKA the peers average."""
        layers = [seed_pairs(self.rows, recipe, layer) for layer in self.figures.get("encoder_layers", [])]
        every = set.intersection(*(set(layer) for layer in layers)) if layers else set()
        return {bits: over_bits(dict(enumerate(layer[bits] for layer in layers))) for bits in every}

    def eigenvalues(self) -> list[Figure]:
        """Largest eigenvalues and their growth; only the growth is compared: values depend on rows and loss scale."""
        found = []
        for published, values in self.figures.get(CURVATURE, {}).items():
            recipe = self.chosen(published)
            table = by_bits(self.rows, recipe=recipe, family="landscape", measure=CURVATURE)
            few, many = values
            for bits, value in values.items():
                ours = shown(t_interval(at(table, bits)), self.num_seeds)
                found.append(Figure(self._named(published, recipe), f"{bits} bits", f"{value:g}", ours, NO_VERDICT))
            growth = self._ratio(at(table, many), at(table, few))
            # Reading errors of the two ends, as shares of them, are far below the spread of seeds.
            verdict = agreement(
                np.log(values[many] / values[few]),
                growth,
                reading_error=0.0,
                seeds=self.num_seeds,
                fine=np.log(1 + FINE),
            )
            times = shown(_exponential(growth), self.num_seeds, times=True)
            what, ratio = f"{many} over {few} bits", f"{values[many] / values[few]:.2g}×"
            found.append(Figure(self._named(published, recipe), what, ratio, times, verdict))
        return found


def best_bits(scores: pd.DataFrame, *, higher_is_better: bool) -> int | None:
    """The bit width with the best mean over seeds."""
    means = scores.mean(axis=1).dropna()
    if means.empty:
        return None
    return int(means.idxmax() if higher_is_better else means.idxmin())


def _exponential(found: Interval) -> Interval:
    mean, low, high = (float(np.exp(number)) for number in found[:3])
    return Interval(mean, low, high, found.number)


def _end(found: dict[int, Interval], choose: Any) -> tuple[int | None, Interval]:
    """The bit width with the lowest or highest mean, and its interval."""
    if not found:
        return None, NOTHING
    bits = choose(found, key=lambda width: found[width].mean)
    return bits, found[bits]
