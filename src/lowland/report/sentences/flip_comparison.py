"""Which precision is toughest under flips, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import groupby

from lowland.analysis.flip_comparison import MIDDLE, FlipVerdict, Toughest
from lowland.report.score_text import ScoreText
from lowland.report.words import capital, listed, plural
from lowland.vocabulary.labels import bare_level_text

COMPARISONS = {
    "flips": "at an equal number of flips",
    "bit_error_rate": "at an equal bit error rate",
    "ranked_flips": "at an equal number of worst-ranked flips",
}
"""What is held equal, by condition."""
_MIDDLE_WORDS = {"yes": "yes", "no": "no", "unsure": "as good as others"}


def flip_sentences(verdicts: Sequence[FlipVerdict], score: ScoreText) -> str:
    """The verdicts of one task: who leads at which level, and whether 4 to 6 bits really are toughest.

    Args:
        verdicts: From ``flip_verdicts``.
        score: Of the task.
    """
    sentences = []
    good = f"most {score.label} is left" if score.higher_is_better else f"{score.label} stays lowest"
    for verdict in verdicts:
        parts = [
            f"{_leaders(group)} at {_levels(verdict.condition, group)}" for group in _grouped(verdict.levels, _names)
        ]
        if verdict.average is not None and len(verdict.levels) > 1:
            mean = score.text(verdict.average.mean)
            parts.append(f"{_leaders([verdict.average])} over all levels, {mean} on average")
        sentences.append(f"{capital(COMPARISONS[verdict.condition])}, {good} with {'; '.join(parts)}.")
    return " ".join([*sentences, *_compared(verdicts), *_middle(verdicts), *_second_opinion(verdicts, score)])


def _compared(verdicts: Sequence[FlipVerdict]) -> list[str]:
    """Over how many recipes precisions are compared."""
    counts = {entry.num_recipes for verdict in verdicts for entry in verdict.entries}
    if not counts:
        return []
    span = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{max(counts)}"
    return [f"Compared over the {span} {plural(max(counts), 'recipe')} that all stored codes have."]


def _middle(verdicts: Sequence[FlipVerdict]) -> list[str]:
    """Whether 4 to 6 bits are toughest: in one word only where all levels and their average say the same."""
    known = [(verdict, [entry for entry in verdict.entries if entry.middle]) for verdict in verdicts]
    kinds = {entry.middle for _, entries in known for entry in entries}
    if not kinds:
        return []
    question = f"Are {MIDDLE[0]} to {MIDDLE[1]} bits the most robust?"
    if len(kinds) == 1:
        where = " and ".join(COMPARISONS[verdict.condition] for verdict, entries in known if entries)
        several = any(len(verdict.levels) > 1 for verdict, _ in known)
        (kind,) = kinds
        plain = "Not surely, others do as well" if kind == "unsure" else capital(_MIDDLE_WORDS[kind])
        return [f"{question} {plain}, {where}{', at every level tried' if several else ''}."]
    parts = []
    for verdict, entries in known:
        words = COMPARISONS[verdict.condition]
        if len({entry.middle for entry in entries}) == 1:
            parts.append(f"{words}, {_MIDDLE_WORDS[entries[0].middle]} at every level")
            continue
        by_level = [
            f"{_MIDDLE_WORDS[group[0].middle]} at {_levels(verdict.condition, group)}"
            for group in _grouped([entry for entry in entries if entry.level is not None], lambda entry: entry.middle)
        ]
        by_level += [f"{_MIDDLE_WORDS[entry.middle]} on average" for entry in entries if entry.level is None]
        if by_level:
            parts.append(f"{words}, {', '.join(by_level)}")
    return [f"{question} It depends on the level: {'; '.join(parts)}."]


def _second_opinion(verdicts: Sequence[FlipVerdict], score: ScoreText) -> list[str]:
    """Who leads, on average over the levels, by what is lost."""
    parts = [
        f"by {_leaders([verdict.lost])} {COMPARISONS[verdict.condition]} ({score.change(verdict.lost.mean)} on average)"
        for verdict in verdicts
        if verdict.lost
    ]
    least = "Least is lost" if score.higher_is_better else f"The {score.label} rises least"
    return [f"{least}, which flatters whoever has least to lose, {listed(parts)}."] if parts else []


def _grouped(entries: Sequence[Toughest], key: Callable[[Toughest], Hashable]) -> list[list[Toughest]]:
    """Neighbouring levels of which the same is to be said."""
    return [list(group) for _, group in groupby(entries, key=key)]


def _names(entry: Toughest) -> frozenset[str]:
    return frozenset([entry.precision, *entry.tied])


def _leaders(group: Sequence[Toughest]) -> str:
    """The leaders of neighbouring levels with the same leaders: whoever led once first, who ties with them after."""
    names = list(dict.fromkeys([*(entry.precision for entry in group), *group[0].tied]))
    return names[0] if len(names) == 1 else f"{listed(names)} (not told apart)"


def _levels(condition: str, group: Iterable[Toughest]) -> str:
    return listed([bare_level_text(condition, entry.level) for entry in group if entry.level is not None])
