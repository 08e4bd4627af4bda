"""The last lines on the console: the answer, the page, the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.decision.outcomes import FAILED, GUESSING, INCOMPLETE, ON_THE_MEAN, RECOMMENDED
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
            why = "best on validation" if deploy["validation"] else "the first; validation was not measured"
            lines.append(f"Deploy: {deploy['file']} (seed {deploy['seed']}, {why})")
        lines += [f"Note:   {head}{sentence}" for sentence in lost_words(found["lost"])]
    return [*lines, f"Report: {recommendation['report']}"]


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
        return "no configuration meets the requirements; the report says what comes nearest."
    how = {
        RECOMMENDED: "train with {0} and deploy at {1}",
        ON_THE_MEAN: "probably train with {0} and deploy at {1}, which meets the requirements on the mean only",
        INCOMPLETE: "{0} at {1}, but it is incomplete ({2} of {3} seeds)",
    }[outcome].format(chosen["recipe"], chosen["precision"], chosen["num_seeds"], chosen["num_planned"])
    if unconfirmed(chosen):
        how += ", but misses some of them on test rows"
    return f"{how}; {score.label} {score.text(chosen['numbers']['score']['mean'])}{_aside(beside)}."


def _aside(words: str) -> str:
    return f" ({words})" if words else ""
