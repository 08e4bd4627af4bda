"""What it would cost to be safer, and which requirements exclude each other."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.criteria import CLEAN, SIZE
from lowland.decision.choice import Choice
from lowland.decision.numbers import plain

MOST_SAFER = 3


def margins(choice: Choice, *, reported: bool = False) -> pd.DataFrame:
    """What every configuration keeps to every limit at the worse end of its interval, relative to the limit."""
    return pd.DataFrame(
        {
            p: choice.numbers.spare(c, t, "worst", reported=reported) / (abs(t) or 1.0)
            for p, c, t in choice.demands
            if c.name != SIZE.name  # what is smaller than allowed is not safer
        },
        index=choice.index,
    )


def safer(choice: Choice) -> list[dict[str, Any]]:
    """Configurations that keep more to their tightest limit than the choice, and what each costs in score and size.

    Of the candidates those are named that no other beats in all three: what is kept, size and score.

    Args:
        choice: With a subject.

    Returns:
        The least costly step first, ``MOST_SAFER`` at most: ``recipe``, ``precision``, ``parameter`` (of its tightest
        limit), ``margin`` and ``margin_now`` (relative to the limit; of the rows that are told), ``score``, ``size``
        and their changes ``score_change``, ``size_factor``.
    """
    kept = margins(choice)
    if choice.subject is None or kept.empty:
        return []
    least = kept.min(axis=1, skipna=False)
    numbers, now = choice.numbers, choice.subject
    sizes, scores = numbers.means(SIZE), numbers.score.sign * numbers.means(numbers.clean)
    better = [s for s in choice.candidates if least.loc[s] > least.loc[now]]
    front = [
        s
        for s in better
        if not any(
            least.loc[o] >= least.loc[s] and sizes.loc[o] <= sizes.loc[s] and scores.loc[o] >= scores.loc[s]
            for o in better
            if o != s
        )
    ]
    told = margins(choice, reported=True)
    clean, size = (numbers.of(c, reported=True)["mean"] for c in (numbers.clean, SIZE))
    return [
        {
            "recipe": s[1],
            "precision": s[2],
            "parameter": str(kept.loc[[s]].iloc[0].idxmin()),
            "margin": plain(told.loc[[s]].iloc[0].min()),
            "margin_now": plain(told.loc[[now]].iloc[0].min()),
            CLEAN: plain(clean.loc[s]),
            SIZE.name: plain(size.loc[s]),
            "score_change": plain(clean.loc[s] - clean.loc[now]),
            "size_factor": plain(size.loc[s] / size.loc[now]),
        }
        for s in sorted(front, key=lambda s: least.loc[s])[:MOST_SAFER]
    ]


def conflicts(choice: Choice) -> list[list[str]]:
    """Requirements that no configuration meets together, though any fewer of them are met by some.

    They are the smallest sets that hold, of every configuration, one requirement that it does not meet: they grow
    configuration by configuration, and what holds a smaller one is left out (Berge).

    Args:
        choice: Of one task.

    Returns:
        The shortest first, in the order of the requirements; what nothing meets even on its own is in none of them.
        Empty where some configuration meets all others.

    Source:
        Berge 1989, Hypergraphs, chapter 2: minimal transversals.
    """
    order = [p for p, _, _ in choice.demands if choice.on_the_mean[p].any()]
    missed = {frozenset(p for p in order if not met[p]) for met in choice.on_the_mean.to_dict("records")}
    found: set[frozenset[str]] = {frozenset()}
    for one in missed:
        grown = {group | {p} for group in found for p in one} if one else set()
        grown |= {group for group in found if group & one}
        found = {group for group in grown if not any(other < group for other in grown)}
    groups = [sorted(map(order.index, group)) for group in found if group]
    places = sorted(groups, key=lambda group: (len(group), group))
    return [[order[place] for place in group] for group in places]
