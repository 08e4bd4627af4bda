"""One task's measurements beside the published figures and claims."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lowland.measures import MEASURES, SCORES, sign
from lowland.summary.predictors import predictors
from lowland.summary.responses import responses
from scripts.published_statistics import (
    ENOUGH_RECIPES,
    MISSING,
    NOTHING,
    UNCLEAR,
    Interval,
    at,
    best_inside,
    by_bits,
    contrast,
    jackknife,
    over_bits,
    relation,
    seed_pairs,
    t_interval,
)

NOISE = ("noise", "gaussian")
RANKED = ("bit_flip", "ranked_flips")
NOISE_LEVEL = 10.0
CURVATURE = "largest_eigenvalue"
MATCHED = {"gaussian": "input_curvature", "ranked_flips": "flip_curvature"}
AGREES, DIFFERS = "agrees", "differs"
WORDS = {"plain": "plain", "jacobian": "Jacobian", "orthogonal": "orthogonal"}


class Figure(NamedTuple):
    """One published number beside ours."""

    recipe: str
    what: str
    published: str
    ours: str
    verdict: str


class Claim(NamedTuple):
    """One published claim and what our numbers say of it."""

    claim: str
    ours: str
    verdict: str
    cause: str


def shown(found: Interval, digits: int = 3) -> str:
    """A number with its interval."""
    if not found.number:
        return MISSING
    number = f"{found.mean:.{digits}g}"
    return number if np.isnan(found.low) else f"{number} [{found.low:.{digits}g}, {found.high:.{digits}g}]"


def agreement(published: float, ours: Interval, reading_error: float) -> str:
    """Whether the interval of ours, as wide as the reading error at least, holds the published number."""
    if not ours.number:
        return MISSING
    if np.isnan(ours.low):
        return UNCLEAR
    return AGREES if ours.low - reading_error <= published <= ours.high + reading_error else DIFFERS


class TaskComparison:
    """One task's measurements beside its published figures.

    Args:
        name: Of the task.
        rows: Its part of the long table.
        published: The whole of `published.yml`.
    """

    def __init__(self, name: str, rows: pd.DataFrame, published: dict[str, Any]) -> None:
        self.name, self.rows = name, rows
        self.figures: dict[str, Any] = published["tasks"][name]
        self.title = self.figures["title"]
        self.reading_error = float(published["reading_error"])
        self.robust_bits: list[int] = published["robust_bits"]
        scores = rows.measure[(rows.family == "performance") & rows.measure.isin(SCORES)]
        self.score = str(scores.iloc[0])
        self.higher_is_better = sign(self.score) > 0
        self.present = set(rows.recipe)

    @property
    def label(self) -> str:
        """The score in words, with its unit."""
        measure = MEASURES[self.score]
        return measure.label if measure.unit == "1" else f"{measure.label} ({measure.unit})"

    @property
    def scope(self) -> str:
        """What was measured."""
        seeds = self.rows.seed[self.rows.seed != "pairs"].nunique()
        bits = sorted(self.rows.weight_bits[self.rows.method == "qat"].unique())
        tuned = ", ".join(map(str, bits)) or "none"
        return f"{len(self.present)} recipes, {seeds} seeds, QAT at {tuned} bits"

    def chosen(self, published: str) -> str:
        """Our recipe for a published one: the first of its names that was measured."""
        names: list[str] = self.figures["recipes"][published]
        return next((name for name in names if name in self.present), names[0])

    def scores(self, recipe: str, disturbance: tuple[str, str] | None, level: float | None = None) -> pd.DataFrame:
        """The score [bits, seeds], clean or disturbed."""
        family, condition = disturbance or ("performance", "test")
        return by_bits(self.rows, recipe=recipe, family=family, measure=self.score, condition=condition, level=level)

    def clean(self) -> list[Figure]:
        """Clean scores by recipe and bit width."""
        found = []
        for published, values in self.figures.get("clean", {}).items():
            for recipe in self.figures["recipes"][published]:
                table = self.scores(recipe, None)
                found += [
                    self._figure(published, recipe, bits, value, at(table, bits)) for bits, value in values.items()
                ]
        return found

    def noise(self) -> list[Figure]:
        """Scores under Gaussian noise: the best bit width, and the published others."""
        found = []
        for published, values in self.figures.get("noise", {}).items():
            for recipe in self.figures["recipes"][published]:
                table = self.scores(recipe, NOISE, NOISE_LEVEL)
                for bits, value in values.items():
                    if bits == "best":
                        found.append(self._best(published, recipe, value, table))
                    else:
                        found.append(self._figure(published, recipe, bits, value, at(table, bits)))
        return found

    def _best(self, published: str, recipe: str, value: dict[str, Any], table: pd.DataFrame) -> Figure:
        bits = self._best_bits(table)
        what, ours = "best bit width", NOTHING
        if bits is not None:
            what, ours = f"best bit width (published {value['bits']}, ours {bits})", t_interval(table.loc[bits])
        verdict = agreement(value["score"], ours, self.reading_error)
        return Figure(self._named(published, recipe), what, f"{value['score']:.2f}", shown(ours), verdict)

    def _best_bits(self, table: pd.DataFrame) -> int | None:
        """The bit width with the best mean over seeds."""
        means = table.mean(axis=1).dropna()
        if means.empty:
            return None
        return int(means.idxmax() if self.higher_is_better else means.idxmin())

    def _figure(self, published: str, recipe: str, bits: int, value: float, ours: pd.Series) -> Figure:
        found = t_interval(ours)
        verdict = agreement(value, found, self.reading_error)
        return Figure(self._named(published, recipe), f"{bits} bits", f"{value:.2f}", shown(found), verdict)

    def _named(self, published: str, recipe: str) -> str:
        return f"{WORDS[published]} (`{recipe}`)"

    def cka(self) -> list[Figure]:
        """Likeness of seeds: the range over the bit widths."""
        found = []
        for published, (low, high) in self.figures.get("cka", {}).items():
            for recipe in self.figures["recipes"][published]:
                means = [jackknife(pairs).mean for pairs in seed_pairs(self.rows, recipe).values()]
                ours, verdict = MISSING, MISSING
                if means:
                    ours = f"{min(means):.2f}–{max(means):.2f}"
                    apart = max(low - max(means), min(means) - high)
                    verdict = AGREES if apart <= self.reading_error else DIFFERS
                found.append(Figure(self._named(published, recipe), "all bits", f"{low:.2f}–{high:.2f}", ours, verdict))
        return found

    def eigenvalues(self) -> list[Figure]:
        """Largest eigenvalues and their growth; only the growth is compared: values depend on rows and loss scale."""
        found = []
        for published, values in self.figures.get(CURVATURE, {}).items():
            recipe = self.chosen(published)
            table = by_bits(self.rows, recipe=recipe, family="landscape", measure=CURVATURE)
            few, many = values
            for bits, value in values.items():
                ours = t_interval(at(table, bits))
                found.append(Figure(self._named(published, recipe), f"{bits} bits", f"{value:g}", shown(ours), "–"))
            ratio, ours = values[many] / values[few], self._log_ratio(table, few, many)
            # Reading errors of the two ends, as shares of them, are far below the spread of seeds.
            verdict = agreement(np.log(ratio), ours, 0.0)
            times = Interval(np.exp(ours.mean), np.exp(ours.low), np.exp(ours.high), ours.number)
            what = f"{many} over {few} bits"
            found.append(Figure(self._named(published, recipe), what, f"{ratio:.2g}×", shown(times), verdict))
        return found

    def _log_ratio(self, table: pd.DataFrame, few: int, many: int) -> Interval:
        logs = np.log(table.where(table > 0))
        return contrast(at(logs, many), at(logs, few))

    def claims(self) -> list[Claim]:
        """Every published claim with its verdict."""
        return [*self._about_scores(), *self._about_landscapes(), *self._about_prediction()]

    def _gain(self, better: pd.Series, worse: pd.Series) -> Interval:
        """How much better the first scores are, whatever better means."""
        return contrast(better, worse) if self.higher_is_better else contrast(worse, better)

    def _about_scores(self) -> list[Claim]:
        plain = self.chosen("plain")
        clean, noisy = self.scores(plain, None), self.scores(plain, NOISE, NOISE_LEVEL)
        found = [
            self._claim(
                "More bits give a better clean score (3 → 12)", self._gain(at(clean, 12), at(clean, 3)), "clean"
            )
        ]
        for published in ("jacobian", "orthogonal"):
            regularised = self.scores(self.chosen(published), NOISE, NOISE_LEVEL)
            text = f"Under Gaussian noise of 10 %, {WORDS[published]} beats plain at 12 bits"
            found.append(self._claim(text, self._gain(at(regularised, 12), at(noisy, 12)), "noise"))
        span = f"{self.robust_bits[0]}–{self.robust_bits[-1]}"
        for what, disturbance, cause in (("Gaussian noise", NOISE, "noise"), ("ranked flips", RANKED, "ranked")):
            for published in WORDS:
                scores = self.scores(self.chosen(published), disturbance)
                lead = best_inside(scores, self.robust_bits, higher_is_better=self.higher_is_better)
                text = f"{span} bits are the most robust to {what}, all levels ({WORDS[published]})"
                claim = self._claim(text, lead, cause)
                best = self._best_bits(scores)
                found.append(claim if best is None else claim._replace(ours=f"{claim.ours}, best at {best} bits"))
        return found

    def _about_landscapes(self) -> list[Claim]:
        found = []
        plain = over_bits(seed_pairs(self.rows, self.chosen("plain")))
        for published in ("jacobian", "orthogonal"):
            other = over_bits(seed_pairs(self.rows, self.chosen(published)))
            gained = {pair: other[pair] - plain[pair] for pair in other.keys() & plain.keys()}
            text = f"{WORDS[published]} makes seeds more alike than plain (CKA, mean over bits)"
            found.append(self._claim(text, jackknife(gained), "cka"))
        plain_table, other_table = (
            by_bits(self.rows, recipe=self.chosen(published), family="landscape", measure=CURVATURE)
            for published in ("plain", "orthogonal")
        )
        growth = self._log_ratio(plain_table, 3, 12)
        found.append(
            self._claim("The largest eigenvalue grows with the bits (3 → 12, plain; logarithm)", growth, "eigenvalue")
        )
        logs = [np.log(table.where(table > 0)) for table in (plain_table, other_table)]
        flatter = contrast(at(logs[0], 12), at(logs[1], 12))
        found.append(self._claim("orthogonal is flatter than plain at 12 bits (logarithm of λ)", flatter, "eigenvalue"))
        return found

    def _about_prediction(self) -> list[Claim]:
        found = []
        predicting, rises = predictors(self.rows), responses(self.rows, measures=("loss_rise",))
        for what, (family, condition) in (("Gaussian noise", NOISE), ("ranked flips", RANKED)):
            matched = MATCHED[condition]
            ranks = relation(predicting, rises, ("cka", CURVATURE, matched), family=family, condition=condition)
            gentle = f"Gentle landscapes are robust to {what} (ρ of the largest eigenvalue with the loss rise)"
            better = f"CKA foretells the loss under {what} better than the largest eigenvalue (by the size of ρ)"
            ours = f"Not published: {MEASURES[matched].label} foretells {what} better than the largest eigenvalue"
            found += [
                self._ranked_claim(gentle, ranks.of(CURVATURE)),
                self._ranked_claim(better, ranks.lead("cka", CURVATURE)),
                self._ranked_claim(f"{ours} (by the size of ρ)", ranks.lead(matched, CURVATURE)),
            ]
        return found

    def _claim(self, claim: str, found: Interval, cause: str) -> Claim:
        return Claim(claim, shown(found), found.verdict, cause)

    def _ranked_claim(self, claim: str, found: Interval) -> Claim:
        """A relation across recipes: with a handful of them it describes these models and says no more."""
        few = 0 < found.number < ENOUGH_RECIPES
        verdict = UNCLEAR if few else found.verdict
        text = f"{shown(found)}, {found.number} recipes{': descriptive' if few else ''}" if found.number else MISSING
        return Claim(claim, text, verdict, "prediction")
