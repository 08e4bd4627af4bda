"""The answer for somebody in a hurry: what it survives, never loses and loses first, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lowland.analysis.certificates import CertifiedCell
from lowland.measurements import IMPORTED
from lowland.report.score_text import ScoreText
from lowland.report.sentences.certificates import STORED, share_text
from lowland.report.words import listed, plural
from lowland.vocabulary.labels import level_text

MOST = 4  # disturbances that are named
Line = tuple[str, str]
"""A question in two or three words, and its answer."""


def brief(found: Mapping[str, Any], proved: Sequence[CertifiedCell], score: ScoreText) -> list[Line]:
    """The lines below the answer; none where nothing was chosen.

    Args:
        found: The recommendation of one task.
        proved: The task's cells of which something is proved.
        score: Of the task.
    """
    chosen = found["chosen"]
    if chosen is None:
        return []
    whole = [entry for entry in found["breaking_levels"] if not entry["part"]]
    return [
        ("Survives", _survives(whole, score)),
        ("Never loses", _never_loses(chosen, proved)),
        ("Loses first", _loses_first(whole)),
        ("How sure", _how_sure(found)),
    ]


def _survives(entries: Sequence[Mapping[str, Any]], score: ScoreText) -> str:
    held = [_up_to(entry) for entry in entries if entry["last_held"] is not None or entry["holds_all"]]
    if not entries:
        return "nothing was tried"
    if not held:
        return f"none of the {len(entries)} disturbances that were tried, even at the weakest level"
    more = len(held) - MOST
    named = listed([*held[:MOST], f"{more} more"] if more > 0 else held)
    return f"{named} ({score.label} {score.limit} {score.text(entries[0]['floor'])})"


def _up_to(entry: Mapping[str, Any]) -> str:
    if entry["last_held"] is None:
        return str(entry["label"])
    return f"{entry['label']} up to {level_text(entry['condition'], entry['last_held'])}"


def _never_loses(chosen: Mapping[str, Any], proved: Sequence[CertifiedCell]) -> str:
    """What is proved of one of its networks."""
    told = [(cell, words) for cell in proved if (words := _proved(cell))]
    own = [(c, words) for c, words in told if (c.recipe, c.precision) == (chosen["recipe"], chosen["precision"])]
    if own:
        cell, words = own[0]
        return f"{words} (proved of seed {cell.seed})"
    beside = [(c, words) for c, words in told if c.recipe == chosen["recipe"] and c.has_codes]
    if not beside:
        return "nothing is proved of it: name its precision in certification.precisions"
    cell, words = beside[0]
    return f"nothing is proved of it; of {cell.recipe} at {cell.precision}: {words} (proved of seed {cell.seed})"


def _proved(cell: CertifiedCell) -> str:
    """What is proved of a network in one clause, flips before roundings; empty where neither is known."""
    share = cell.value("upset_safe_share", STORED)
    if share is not None:
        return f"{_rows(share, cell.rows['upset_safe_share'])} keep their class whichever stored bit flips"
    bits = cell.levels("certified_share")
    share = cell.value("certified_share", level=bits[-1]) if bits else None
    if share is None:
        return ""
    kept = _rows(share, cell.rows["certified_share"])
    return f"{kept} keep their class however weights round to {bits[-1]:g} bits"


def _rows(share: float, rows: int) -> str:
    return f"{'all' if share >= 1 else share_text(share)} of {rows:,} test rows"


def _loses_first(entries: Sequence[Mapping[str, Any]]) -> str:
    """What breaks it at the earliest of the levels that were tried, sets of other data among them."""
    lost = [entry for entry in entries if not entry["holds_all"]]
    if not lost:
        return "nothing that was tried"

    def place(entry: Mapping[str, Any]) -> int:
        return 0 if entry["first_lost"] is None else int(entry["levels"].index(entry["first_lost"]))

    earliest = min(map(place, lost))
    named = [_from(entry) for entry in lost if place(entry) == earliest]
    more = len(named) - MOST
    return listed([*named[:MOST], f"{more} more"] if more > 0 else named)


def _from(entry: Mapping[str, Any]) -> str:
    if entry["first_lost"] is None:
        return str(entry["label"])
    return f"{entry['label']} from {level_text(entry['condition'], entry['first_lost'])}"


def _how_sure(found: Mapping[str, Any]) -> str:
    parts = list(_sure(found["chosen"], bool(found["requirements"])))
    tied = len(found["tied"])
    if tied:
        parts.append(f"{tied} {plural(tied, 'other is', 'others are')} tied with it")
    elif (runner_up := found["runner_up"]) is not None:
        parts.append(f"next comes {runner_up['recipe']} at {runner_up['precision']}")
    return "; ".join(parts)


def _sure(chosen: Mapping[str, Any], asked: bool) -> Iterator[str]:
    seeds = chosen["num_seeds"]
    if chosen["method"] == IMPORTED:
        yield "one network, as it came"
    else:
        yield f"{seeds} {plural(seeds, 'seed, so that its spread is not known', 'seeds')}"
    if not asked:
        return
    how = [entry["confirmed"] for entry in chosen["numbers"].values() if "confirmed" in entry]
    sure = how.count("surely")
    yield (
        "every requirement is held by the whole 95 % interval"
        if sure == len(how)
        else f"{sure} of {len(how)} requirements held by the whole 95 % interval"
    )
