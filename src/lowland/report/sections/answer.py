"""The answer: what to train and to deploy, what it costs, what ties with it, and at which level it breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from lowland.analysis.certificates import certified_cells
from lowland.decision.references import guess_of
from lowland.measurements import IMPORTED
from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs, TaskInputs
from lowland.report.interval_plot import interval_plot
from lowland.report.labels import method_label
from lowland.report.score_text import ScoreText
from lowland.report.section import Section
from lowland.report.sentences.brief import brief
from lowland.report.sentences.cautions import cautions, unconfirmed
from lowland.report.sentences.choice import asked, blocked_sentence, choice_sentences, least_to_spare
from lowland.report.values import display
from lowland.vocabulary.labels import level_text

MANY = 8  # tied configurations named one by one


class Answer(Section):
    """What is recommended for every task, and what it rests on."""

    name, title = "answer", "Answer"

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``tasks``, what is recommended for each."""
        return {"tasks": [_task(task) for task in inputs.tasks]}


def _task(task: TaskInputs) -> dict[str, Any]:
    found, score, subject = task.recommendation, task.style.score, task.subject
    broken = [_broken(entry, score) for entry in found["breaking_levels"]]
    return {
        "name": task.name,
        "found": found,
        "subject": subject,
        "method": method_label(subject["method"], subject["weight_bits"]) if subject else "",
        "score": score,
        "guess": guess_of(found["references"]),
        "references": [r for r in found["references"] if r["score"] is not None],
        "brief": brief(found, certified_cells(task.measurements), score),
        "cautions": cautions(found, score),
        "unconfirmed": unconfirmed(found["chosen"]) if found["chosen"] else [],
        "numbers": _numbers(subject, score) if subject else [],
        "gain": _gain(subject, score) if subject else None,
        "blocked": blocked_sentence(found, score),
        "why": choice_sentences(found, score),
        "requirements": [_requirement(requirement, score) for requirement in found["requirements"]],
        "tied": [_tied(configuration, score) for configuration in found["tied"][:MANY]],
        "least_to_spare": least_to_spare(found["tightest"], score),
        "floor": score.text(found["breaking_levels"][0]["floor"]) if broken else "",
        "whole": [entry for entry in broken if not entry["part"]],
        "parts": [entry for entry in broken if entry["part"]],
    }


def _numbers(subject: Mapping[str, Any], score: ScoreText) -> Sequence[Mapping[str, Any]]:
    """The numbers of a configuration, each with a drawing of its interval and its threshold."""
    return [
        {
            **entry,
            "mean": _shown(entry["mean"], entry, score),
            "interval": _interval(name, entry, score, imported=subject["method"] == IMPORTED),
            "required": _required(entry, score),
            "plot": Markup(interval_plot(entry, higher_is_better=entry["higher_is_better"])),  # our drawing
        }
        for name, entry in subject["numbers"].items()
    ]


def _interval(name: str, entry: Mapping[str, Any], score: ScoreText, *, imported: bool) -> str:
    if entry["low"] is None:
        return "no interval"
    if name == "size" and entry["low"] == entry["high"]:
        return "counted" if imported else "the same for all seeds"
    return f"{_shown(entry['low'], entry, score)} to {_shown(entry['high'], entry, score)}"


def _required(entry: Mapping[str, Any], score: ScoreText) -> str:
    """A threshold with its sign; empty where nothing is required."""
    sign = "\N{GREATER-THAN OR EQUAL TO}" if entry["higher_is_better"] else "\N{LESS-THAN OR EQUAL TO}"
    return f"{sign} {_shown(entry['threshold'], entry, score)}" if "threshold" in entry else ""


def _gain(subject: Mapping[str, Any], score: ScoreText) -> Mapping[str, str] | None:
    gain = subject["gain_over_guess"]
    if gain is None:
        return None
    ends = f"{score.change(gain['low'])} to {score.change(gain['high'])}"
    return {"mean": score.change(gain["mean"]), "interval": f"{ends}, over test rows"}


def _requirement(requirement: Mapping[str, Any], score: ScoreText) -> Mapping[str, Any]:
    """A requirement that nothing may be chosen by, with what comes nearest."""
    shortfall = requirement["shortfall"]
    return {
        **requirement,
        "asked": asked(requirement, score),
        "reached": _shown(requirement["nearest_value"], requirement, score),
        "short_by": _shown(shortfall, requirement, score) if shortfall else "",
    }


def _tied(configuration: Mapping[str, Any], score: ScoreText) -> Mapping[str, Any]:
    numbers = configuration["numbers"]
    return {
        **configuration,
        "size": _shown(numbers["size"]["mean"], numbers["size"], score),
        "reached": score.text(numbers["score"]["mean"]),
    }


def _broken(entry: Mapping[str, Any], score: ScoreText) -> Mapping[str, Any]:
    """How far one disturbance may go: the last level held and the first one lost, in words."""
    if entry["levels"] == [None]:  # a shifted set is there or not
        held, lost = ("held", "") if entry["holds_all"] else ("", f"lost ({score.text(entry['scores'][0])})")
    else:
        held = _level(entry, "last_held") or "nothing"
        lost = _level(entry, "first_lost")
    beyond = entry["holds_all"] and entry["levels"] != [None]
    return {**entry, "held": held, "lost": lost, "beyond": beyond}


def _level(entry: Mapping[str, Any], name: str) -> str:
    return "" if entry[name] is None else level_text(entry["condition"], entry[name])


def _shown(value: float | None, of: Mapping[str, Any], score: ScoreText) -> str:
    """A value of what an entry of the recommendation is about."""
    return display(value, of["measure"], score, condition=of["condition"])
