"""What one task's measurements say of the published claims."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from lowland.analysis.predictors import predictors
from lowland.analysis.responses import responses
from lowland.vocabulary.measures import MEASURES
from scripts.published_comparison import CURVATURE, NOISE, NOISE_LEVEL, WORDS, TaskComparison, best_bits, shown
from scripts.published_statistics import (
    ENOUGH_RECIPES,
    MISSING,
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
)

RANKED = ("bit_flip", "ranked_flips")
MATCHED = {"gaussian": "input_curvature", "ranked_flips": "flip_curvature"}


class Claim(NamedTuple):
    """One published claim and what our numbers say of it."""

    claim: str
    ours: str
    verdict: str
    cause: str


def claims(task: TaskComparison) -> list[Claim]:
    """Every published claim with its verdict."""
    return [*_about_scores(task), *_about_landscapes(task), *_about_prediction(task)]


def _gain(task: TaskComparison, better: pd.Series, worse: pd.Series) -> Interval:
    """How much better the first scores are, whatever better means."""
    return contrast(better, worse) if task.higher_is_better else contrast(worse, better)


def _about_scores(task: TaskComparison) -> list[Claim]:
    plain = task.chosen("plain")
    clean, noisy = task.scores(plain, None), task.scores(plain, NOISE, NOISE_LEVEL)
    text = "More bits give a better clean score (3 → 12, plain)"
    found = [_claim(task, text, _gain(task, at(clean, 12), at(clean, 3)), "clean")]
    for published in ("jacobian", "orthogonal"):
        regularised = task.scores(task.chosen(published), NOISE, NOISE_LEVEL)
        text = f"Under Gaussian noise of 10 %, {_named(task, published)} beats plain at 12 bits"
        found.append(_claim(task, text, _gain(task, at(regularised, 12), at(noisy, 12)), "noise"))
    span = f"{task.robust_bits[0]}–{task.robust_bits[-1]}"
    for what, disturbance, cause in (("Gaussian noise", NOISE, "noise"), ("ranked flips", RANKED, "ranked")):
        for published in WORDS:
            scores = task.scores(task.chosen(published), disturbance)
            lead = best_inside(scores, task.robust_bits, higher_is_better=task.higher_is_better)
            text = f"{span} bits are the most robust to {what}, all levels: {_named(task, published)}"
            claim = _claim(task, text, lead, cause)
            best = best_bits(scores, higher_is_better=task.higher_is_better)
            found.append(claim if best is None else claim._replace(ours=f"{claim.ours}; best at {best} bits"))
    return found


def _about_landscapes(task: TaskComparison) -> list[Claim]:
    found = []
    plain = over_bits(seed_pairs(task.rows, task.chosen("plain")))
    for published in ("jacobian", "orthogonal"):
        other = over_bits(seed_pairs(task.rows, task.chosen(published)))
        gained = {pair: other[pair] - plain[pair] for pair in other.keys() & plain.keys()}
        text = f"{_named(task, published)} makes seeds more alike than plain (CKA, mean over bits)"
        found.append(_claim(task, text, jackknife(gained), "cka"))
    tables = (
        by_bits(task.rows, recipe=task.chosen(published), family="landscape", measure=CURVATURE)
        for published in ("plain", "orthogonal")
    )
    plain_logs, other_logs = (np.log(table.where(table > 0)) for table in tables)
    growth = contrast(at(plain_logs, 12), at(plain_logs, 3))
    text = "The largest eigenvalue grows with the bits (3 → 12, plain; logarithm)"
    found.append(_claim(task, text, growth, "eigenvalue"))
    flatter = contrast(at(plain_logs, 12), at(other_logs, 12))
    text = f"{_named(task, 'orthogonal')} is flatter than plain at 12 bits (logarithm of λ)"
    found.append(_claim(task, text, flatter, "eigenvalue"))
    return found


def _about_prediction(task: TaskComparison) -> list[Claim]:
    found = []
    predicting, rises = predictors(task.rows), responses(task.rows, measures=("loss_rise",))
    for what, (family, condition) in (("Gaussian noise", NOISE), ("ranked flips", RANKED)):
        matched = MATCHED[condition]
        ranks = relation(predicting, rises, ("cka", CURVATURE, matched), family=family, condition=condition)
        gentle = f"Gentle landscapes are robust to {what} (ρ of the largest eigenvalue with the loss rise)"
        better = f"CKA foretells the loss under {what} better than the largest eigenvalue (by the size of ρ)"
        ours = f"Not published: {MEASURES[matched].label} foretells {what} better than the largest eigenvalue"
        found += [
            _ranked_claim(gentle, ranks.of(CURVATURE)),
            _ranked_claim(better, ranks.lead("cka", CURVATURE)),
            _ranked_claim(f"{ours} (by the size of ρ)", ranks.lead(matched, CURVATURE)),
        ]
    return found


def _named(task: TaskComparison, published: str) -> str:
    """The published recipe in words, and ours where its name says more."""
    recipe = task.chosen(published)
    return WORDS[published] if recipe == published else f"{WORDS[published]} (`{recipe}`)"


def _claim(task: TaskComparison, claim: str, found: Interval, cause: str) -> Claim:
    """A difference over seeds: no verdict where one of them is missing."""
    verdict = UNCLEAR if 0 < found.number < task.num_seeds else found.verdict
    return Claim(claim, shown(found, task.num_seeds), verdict, cause)


def _ranked_claim(claim: str, found: Interval) -> Claim:
    """A relation across recipes: with a handful of them it describes these models and says no more."""
    few = 0 < found.number < ENOUGH_RECIPES
    verdict = UNCLEAR if few else found.verdict
    text = f"{shown(found, 0)}, {found.number} recipes{': descriptive' if few else ''}" if found.number else MISSING
    return Claim(claim, text, verdict, "prediction")
