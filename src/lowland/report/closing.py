"""The last lines on the console: the answer, the page, the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.decision.outcomes import FAILED, GUESSING, INCOMPLETE, ON_THE_MEAN, RECOMMENDED
from lowland.measurements import IMPORTED
from lowland.report.score_text import ScoreText
from lowland.report.sentences.cautions import lost_words, references_words, unconfirmed


def closing_lines(recommendation: Mapping[str, Any]) -> list[str]:
    """The answer in words with its score, the page's path and the file to deploy, one line each.

    Of several tasks each has its answer and its file. A line more says which networks are missing, if any are.

    Args:
        recommendation: From ``recommend``.
    """
    tasks = recommendation["tasks"]
    lines = []
    for task, found in tasks.items():
        head = f"{task}: " if len(tasks) > 1 else ""
        lines.append(f"Answer: {head}{_answer(found)}")
        if found["chosen"] and (deploy := found["chosen"]["deploy"]):
            which = "best on validation" if deploy["validation"] else "the first; validation was not measured"
            why = "as it came" if found["chosen"]["method"] == IMPORTED else f"seed {deploy['seed']}, {which}"
            lines.append(f"Deploy: {deploy['file']} ({why})")
        lines += [f"Note:   {head}{sentence}" for sentence in lost_words(found["lost"])]
    return [*lines, f"Report: {recommendation['report']}"]


_IMPORTED = {
    RECOMMENDED: "deploy the network as it came",
    ON_THE_MEAN: "the network meets the requirements, but not surely",
    INCOMPLETE: "the network was not measured in full",
}
"""Of a network from outside, which there is nothing to choose against."""


def _answer(found: Mapping[str, Any]) -> str:
    """One task's answer in a line."""
    score, outcome, chosen = ScoreText.named(found["score"]), found["outcome"], found["chosen"]
    beside = references_words(found["references"], score)
    if outcome == FAILED:
        return "no network gave a result; see the report for why."
    if outcome == GUESSING:
        reached = score.text(found["best"]["numbers"]["score"]["mean"])
        return f"nothing here learned more than guessing; the best {score.label} is {reached}{_aside(beside)}."
    if chosen is None:
        nearest = found["nearest"]
        if nearest and nearest["method"] == IMPORTED:
            return "the network does not meet the requirements; the report says by how much it misses."
        return "no configuration meets the requirements; the report says what comes nearest."
    how = (
        _IMPORTED[outcome]
        if chosen["method"] == IMPORTED
        else {
            RECOMMENDED: "train with {0} and deploy at {1}",
            ON_THE_MEAN: "probably train with {0} and deploy at {1}, which meets the requirements on the mean only",
            INCOMPLETE: "{0} at {1}, but it is incomplete ({2} of {3} seeds)",
        }[outcome].format(chosen["recipe"], chosen["precision"], chosen["num_seeds"], chosen["num_planned"])
    )
    if unconfirmed(chosen):
        how += ", but misses some of them on test rows"
    return f"{how}; {score.label} {score.text(chosen['numbers']['score']['mean'])}{_aside(beside)}."


def _aside(words: str) -> str:
    return f" ({words})" if words else ""
