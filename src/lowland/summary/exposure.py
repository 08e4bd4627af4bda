"""Which precision is toughest when the same number, and when the same share, of its stored bits is flipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lowland.summary.conditions import WORDS
from lowland.summary.criteria import TWINS, of_the_whole
from lowland.summary.recipe_means import t_interval

EXPOSURES = {"flips": "at an equal number of flips", "bit_error_rate": "at an equal bit error rate"}
MIDDLE = (4, 6)  # bits, the widths that published studies found most robust
_MIDDLE_WORDS = {"yes": "yes", "no": "no", "unsure": "not surely, others do as well"}
COLUMNS = (
    "task",
    "exposure",
    "level",
    "precision",
    "method",
    "weight_bits",
    "mean",
    "low",
    "high",
    "num_recipes",
    "toughest",
    "tied",
)


def equal_exposure(measurements: pd.DataFrame) -> pd.DataFrame:
    """Accuracy lost by every precision at equal flip counts and at equal bit error rates, over the recipes.

    At an equal count a small network has a larger share of its bits damaged, at an equal rate a large one has more
    flips: which precision is toughest depends on what is held equal. Seeds are averaged inside a recipe; intervals are
    95 % t-intervals over recipes. Whether a precision can be told from the toughest is judged recipe by recipe: they
    are tied where the t-interval of the paired difference holds zero, or where there are too few recipes for one.

    Args:
        measurements: The long table; rows of ``accuracy_drop`` that are ``ok``. Float networks come with their float32
            words.

    Returns:
        One row per task, exposure (a key of ``EXPOSURES``), level (NaN: the mean over all levels, of recipes that have
        them all) and precision: method, weight_bits, mean, low, high, num_recipes, ``toughest`` and ``tied`` (with the
        toughest; true for itself), both among networks of stored codes only.
    """
    rows = measurements[
        (measurements.family == "bit_flip") & (measurements.measure == "accuracy_drop") & (measurements.status == "ok")
    ]
    rows = rows.assign(exposure=rows.condition.str.removeprefix(WORDS))
    rows = rows[rows.exposure.isin(TWINS)]
    if rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = pd.concat(of_the_whole(group) for _, group in rows.groupby("condition", sort=False))
    which = ["task", "exposure", "precision", "method", "weight_bits"]
    each = rows.groupby([*which, "level", "recipe"], sort=False)["value"].mean().reset_index()
    levels = each.groupby(which, sort=False)["level"].nunique().rename("wanted")
    averaged = each.groupby([*which, "recipe"], sort=False)["value"].agg(value="mean", got="size").reset_index()
    averaged = averaged.merge(levels, on=which)
    averaged = averaged[averaged.got == averaged.wanted].assign(level=float("nan"))
    found = []
    for (task, exposure, level), group in pd.concat([each, averaged]).groupby(
        ["task", "exposure", "level"], sort=False, dropna=False
    ):
        wide = group.pivot_table(index="recipe", columns="precision", values="value", sort=False)
        known = group.drop_duplicates("precision").set_index("precision")
        means = {p: t_interval(list(wide[p])) for p in wide.columns}
        codes = [p for p in wide.columns if known.method[p] != "float"]
        best = min(codes, key=lambda p: means[p][0]) if codes else None
        for p in wide.columns:
            tied = p in codes and (p == best or _tied(wide[p] - wide[best]))
            what = (task, exposure, level, p, known.method[p], known.weight_bits[p])
            found.append((*what, *means[p], int(wide[p].notna().sum()), p == best, tied))
    return pd.DataFrame.from_records(found, columns=list(COLUMNS))


def exposure_verdict(exposure: pd.DataFrame) -> list[dict[str, Any]]:
    """Who is toughest over all levels, and whether that is a precision of 4 to 6 bits.

    Returns:
        Per task and exposure: exposure, ``words``, ``toughest`` (precision), ``drop``, ``tied`` (other precisions),
        ``middle``: ``yes`` (all of them have 4 to 6 bits), ``no`` (none has), ``unsure`` (some have), or empty where
        the study has no precision inside, or none outside, to compare.
    """
    found = []
    averaged = exposure[exposure.level.isna() & (exposure.method != "float")]
    for (task, name), everyone in averaged.groupby(["task", "exposure"], sort=False):
        group = everyone[everyone.tied.astype(bool)]
        best = group[group.toughest.astype(bool)].iloc[0]
        inside = group.weight_bits.between(*MIDDLE)
        comparable = everyone.weight_bits.between(*MIDDLE).nunique() == 2
        found.append(
            {
                "task": str(task),
                "exposure": str(name),
                "words": EXPOSURES[str(name)],
                "toughest": str(best.precision),
                "drop": float(best["mean"]),
                "tied": [str(p) for p in group.precision[~group.toughest.astype(bool)]],
                "middle": ("yes" if inside.all() else "unsure" if inside.any() else "no") if comparable else "",
            }
        )
    return found


def exposure_sentence(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts of one task in words: who is toughest, and whether 4 to 6 bits really are."""
    sentences = []
    for verdict in verdicts:
        words, drop = verdict["words"], 100 * verdict["drop"]
        tied = f"; {_listed(verdict['tied'])} cannot be told from it" if verdict["tied"] else ""
        who = f"{words[0].upper()}{words[1:]}, {verdict['toughest']} loses least"
        sentences.append(f"{who} ({drop:.2g} points of accuracy, averaged over the levels){tied}.")
    middles = [(verdict["words"], _MIDDLE_WORDS[verdict["middle"]]) for verdict in verdicts if verdict["middle"]]
    if middles:
        alike = len({words for _, words in middles}) == 1
        said = middles[0][1] if alike else ", ".join(f"{where} {words}" for where, words in middles)
        both = f"{said}, {' and '.join(where for where, _ in middles)}" if alike else said
        sentences.append(f"Are {MIDDLE[0]} to {MIDDLE[1]} bits the most robust? {both[0].upper()}{both[1:]}.")
    return " ".join(sentences)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _tied(differences: pd.Series) -> bool:
    _, low, high = t_interval(list(differences))
    return not (low > 0 or high < 0)
