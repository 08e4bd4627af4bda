"""Which precision is toughest when the same number, and when the same share, of its stored bits is flipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd

from lowland.analysis.conditions import bare_level_text, codes_targets, listed
from lowland.analysis.recipe_means import not_told_apart, t_interval
from lowland.analysis.score import Score, score_of
from lowland.vocabulary.conditions import condition_named

EXPOSURES = {
    "flips": "at an equal number of flips",
    "bit_error_rate": "at an equal bit error rate",
    "ranked_flips": "at an equal number of worst-ranked flips",
}
LEFT, LOST = "left", "lost"
MIDDLE = (4, 6)  # bits, the widths that published studies found most robust
_MIDDLE_WORDS = {"yes": "yes", "no": "no", "unsure": "as good as others"}
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


def equal_exposure(measurements: pd.DataFrame, *, of: str = LEFT) -> pd.DataFrame:
    """The score of every precision at equal flip counts and at equal bit error rates, over the recipes.

    At an equal count a small network has a larger share of its bits damaged, at an equal rate a large one has more
    flips: which precision is toughest depends on what is held equal. The score that is left is what a user gets; what
    is lost of it flatters whoever has least to lose. Seeds are averaged inside a recipe; intervals are 95 % t-intervals
    over recipes, those of the score bent so that they end where it does. Precisions are compared over the recipes that
    all stored codes have, for recipes differ as much as precisions do; where they share none, each has its own recipes
    and nobody is toughest. Whether a precision can be told from the toughest is judged recipe by recipe: they are tied
    where the t-interval of the paired difference holds zero, or where there are too few recipes for one.

    Args:
        measurements: The long table of one task; only its rows that are ``ok``. Float networks come with their float32
            words.
        of: ``left`` (the score, in its direction) or ``lost`` (of the score, the less the better).

    Returns:
        One row per task, exposure (a key of ``EXPOSURES``), level (NaN: the mean over all levels, of recipes that have
        them all) and precision: method, weight_bits, mean, low, high, num_recipes (compared), ``toughest`` and ``tied``
        (with the toughest; true for itself), both among networks of stored codes only.
    """
    score = score_of(measurements)
    measure = score.lost if of == LOST else score.name
    rows = measurements[
        (measurements.family == "bit_flip") & (measurements.measure == measure) & (measurements.status == "ok")
    ]
    rows = rows[rows.condition.isin(EXPOSURES)].rename(columns={"condition": "exposure"})
    everywhere = {name: condition_named(name).target for name in EXPOSURES}
    rows = rows[codes_targets(rows.target) == rows.exposure.map(everywhere)]
    if rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    sign = -1 if of == LOST else score.sign
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
        codes = [p for p in wide.columns if known.method[p] != "float"]
        shared = wide.dropna(subset=codes)
        wide = shared if len(shared) else wide
        means = {p: t_interval(list(wide[p]), ends="none" if of == LOST else score.ends) for p in wide.columns}
        best = max(codes, key=lambda p: sign * means[p][0]) if codes and len(shared) else None
        for p in wide.columns:
            tied = best is not None and p in codes and (p == best or not_told_apart(wide[p] - wide[best]))
            what = (task, exposure, level, p, known.method[p], known.weight_bits[p])
            found.append((*what, *means[p], int(wide[p].notna().sum()), p == best, tied))
    return pd.DataFrame.from_records(found, columns=list(COLUMNS))


def exposure_verdict(left: pd.DataFrame, lost: pd.DataFrame | None = None) -> list[dict[str, Any]]:
    """Who is toughest at every level and over all of them, and whether that is a precision of 4 to 6 bits.

    Args:
        left: ``equal_exposure`` of the score left: the verdict.
        lost: That of what is lost, a second opinion over all levels.

    Returns:
        Per task and exposure with a toughest precision: task, exposure, ``words``, ``levels`` (one entry per level,
        rising), ``average`` (the entry over all levels, or None) and ``lost`` (likewise, of ``lost``). An entry has
        ``level``, ``toughest`` (precision), ``mean``, ``num_recipes`` (compared), ``tied`` (other precisions) and
        ``middle``: ``yes`` (all of them have 4 to 6 bits), ``no`` (none has), ``unsure`` (some have), or empty where
        the study has no precision inside, or none outside, to compare.
    """
    found = []
    left, lost = _with_a_leader(left), None if lost is None else _with_a_leader(lost)
    for (task, name), everything in left.groupby(["task", "exposure"], sort=False):
        entries = [_entry(rows) for _, rows in everything.groupby("level", dropna=False)]
        other = lost[(lost.task == task) & (lost.exposure == name)] if lost is not None else everything[:0]
        other = other[other.level.isna()]
        found.append(
            {
                "task": str(task),
                "exposure": str(name),
                "words": EXPOSURES[str(name)],
                "levels": [entry for entry in entries if entry["level"] is not None],
                "average": next((entry for entry in entries if entry["level"] is None), None),
                "lost": _entry(other) if len(other) else None,
            }
        )
    return found


def exposure_sentence(verdicts: Sequence[Mapping[str, Any]], score: Score) -> str:
    """The verdicts of one task in words: who leads at which level, and whether 4 to 6 bits really are toughest."""
    sentences = []
    good = f"most {score.label} is left" if score.higher_is_better else f"{score.label} stays lowest"
    for verdict in verdicts:
        words, exposure, average = verdict["words"], verdict["exposure"], verdict["average"]
        parts = [
            f"{_led(group)} at {_levels(exposure, group)}" for group in _grouped(verdict["levels"], lambda e: _names(e))
        ]
        if average is not None and len(verdict["levels"]) > 1:
            parts.append(f"{_led([average])} over all levels, {score.text(average['mean'])} on average")
        sentences.append(f"{words[0].upper()}{words[1:]}, {good} with {'; '.join(parts)}.")
    return " ".join([*sentences, *_compared(verdicts), *_middle(verdicts), *_second_opinion(verdicts, score)])


def _with_a_leader(frame: pd.DataFrame) -> pd.DataFrame:
    """Stored codes at the levels where one is toughest."""
    codes = frame[frame.method != "float"]
    return codes[codes.groupby(["task", "exposure", "level"], dropna=False)["toughest"].transform("any").astype(bool)]


def _entry(rows: pd.DataFrame) -> dict[str, Any]:
    """Who leads among these precisions, at one level or over all."""
    leaders = rows[rows.tied.astype(bool)]
    best = leaders[leaders.toughest.astype(bool)].iloc[0]
    inside = leaders.weight_bits.between(*MIDDLE)
    comparable = rows.weight_bits.between(*MIDDLE).nunique() == 2
    return {
        "level": None if best.level != best.level else float(best.level),
        "toughest": str(best.precision),
        "mean": float(best["mean"]),
        "num_recipes": int(best.num_recipes),
        "tied": [str(p) for p in leaders.precision[~leaders.toughest.astype(bool)]],
        "middle": ("yes" if inside.all() else "unsure" if inside.any() else "no") if comparable else "",
    }


def _compared(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Over how many recipes precisions are compared."""
    counts = {e["num_recipes"] for v in verdicts for e in (*v["levels"], v["average"]) if e}
    if not counts:
        return []
    span = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{max(counts)}"
    return [f"Compared over the {span} recipe{'s' * (max(counts) > 1)} that all stored codes have."]


def _middle(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether 4 to 6 bits are toughest: in one word only where all levels and their average say the same."""
    known = [(v, [e for e in (*v["levels"], v["average"]) if e and e["middle"]]) for v in verdicts]
    answers = {e["middle"] for _, entries in known for e in entries}
    if not answers:
        return []
    question = f"Are {MIDDLE[0]} to {MIDDLE[1]} bits the most robust?"
    if len(answers) == 1:
        where = " and ".join(verdict["words"] for verdict, entries in known if entries)
        several = any(len(verdict["levels"]) > 1 for verdict, _ in known)
        (said,) = answers
        plain = "Not surely, others do as well" if said == "unsure" else _MIDDLE_WORDS[said].capitalize()
        return [f"{question} {plain}, {where}{', at every level tried' if several else ''}."]
    parts = []
    for verdict, entries in known:
        if len({e["middle"] for e in entries}) == 1:
            parts.append(f"{verdict['words']}, {_MIDDLE_WORDS[entries[0]['middle']]} at every level")
            continue
        said = [
            f"{_MIDDLE_WORDS[group[0]['middle']]} at {_levels(verdict['exposure'], group)}"
            for group in _grouped([e for e in entries if e["level"] is not None], lambda e: e["middle"])
        ]
        said += [f"{_MIDDLE_WORDS[e['middle']]} on average" for e in entries if e["level"] is None]
        if said:
            parts.append(f"{verdict['words']}, {', '.join(said)}")
    return [f"{question} It depends on the level: {'; '.join(parts)}."]


def _second_opinion(verdicts: Sequence[Mapping[str, Any]], score: Score) -> list[str]:
    """Who leads, on average over the levels, by what is lost."""
    parts = [
        f"by {_led([v['lost']])} {v['words']} ({score.change(v['lost']['mean'])} on average)"
        for v in verdicts
        if v["lost"]
    ]
    least = "Least is lost" if score.higher_is_better else f"The {score.label} rises least"
    return [f"{least}, which flatters whoever has least to lose, {listed(parts)}."] if parts else []


def _grouped(entries: Sequence[Mapping[str, Any]], key: Any) -> list[list[Mapping[str, Any]]]:
    """Neighbouring levels of which the same is to be said."""
    return [list(group) for _, group in groupby(entries, key=key)]


def _names(entry: Mapping[str, Any]) -> frozenset[str]:
    return frozenset([entry["toughest"], *entry["tied"]])


def _led(group: Sequence[Mapping[str, Any]]) -> str:
    """The leaders of neighbouring levels with the same leaders: whoever led once first, who ties with them after."""
    names = list(dict.fromkeys([*(e["toughest"] for e in group), *group[0]["tied"]]))
    return names[0] if len(names) == 1 else f"{listed(names)} (not told apart)"


def _levels(exposure: str, group: Iterable[Mapping[str, Any]]) -> str:
    return listed([bare_level_text(exposure, entry["level"]) for entry in group])
