"""Which configuration to deploy: how it was chosen, what ties with it, what fails first, or how far off all are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.criteria import CLEAN
from lowland.analysis.score import score_of
from lowland.analysis.still_falling import still_falling
from lowland.decision.choice import Choice
from lowland.decision.described import described
from lowland.decision.lost import lost_networks
from lowland.decision.numbers import Numbers
from lowland.decision.references import far_behind, references_of
from lowland.decision.requirements import TaskRequirements


def recommend(
    measurements: pd.DataFrame,
    requirements: TaskRequirements,
    *,
    reported: pd.DataFrame | None = None,
    references: pd.DataFrame | None = None,
    learning_curves: pd.DataFrame | None = None,
    folder: str = "data",
) -> dict[str, Any]:
    """The recommendation for every task, ready for JSON.

    A requirement is met **surely** if the whole 95 % interval over seeds, test rows and draws lies on its right side,
    and **on the mean** if only the mean does. A threshold is absolute, so the luck of the test rows and of the drawn
    disturbances counts; configurations share both, and the seeds, so they are compared seed by seed.
    Choices are made among the configurations that meet everything surely: an engineer will retrain, and a threshold
    that one seed in three misses is a promise that breaks. The mean decides only where nothing is sure, and then the
    outcome says so. Among those that pass, the preferences decide on the *means*: sorting by lower ends would reward a
    recipe for three seeds that agree by luck. Whatever may be the best (``may_be_best``) is a tie. A configuration with
    a seed that gave no number cannot meet anything surely, and ranks behind all that are complete: its mean is that of
    the survivors. A configuration that does not beat the guess (``gains``) is never recommended; where that was not
    measured, it is not held against it. A requirement for which nothing gave a number is met by nobody,
    which is a result: whether the study measures it at all is for ``unmeasurable`` to say, before the study.

    Args:
        measurements: The long table, of the rows that choose (``on_split``).
        requirements: What is asked of each task.
        reported: The long table of the rows that are told: all numbers of the recommendation are from these, while who
            is chosen and what is ``met`` is not. None: the same rows.
        references: The guess and other models on the same rows (``references_of``); None where not made.
        learning_curves: ``task, recipe, seed, precision, epoch, validation_loss``; None where there are none.
        folder: Of the study's data, relative to the project.

    Returns:
        ``{"requirements": {task: ...}, "tasks": {task: {...}}, "report": its path}`` with, per task:

        - ``score`` (its measure), ``outcome`` (see ``lowland.decision.outcomes``), ``lost`` (networks that gave no
          result), ``still_falling`` (recipes and precisions whose training ended too early);
        - ``chosen`` (configuration, numbers with ``low`` and ``high`` over seeds, test rows and draws, ``seeds_low``
          and ``seeds_high`` over seeds alone, ``met`` on the rows that chose and ``confirmed`` on those that are told,
          ``num_seeds`` of ``num_planned``, ``gain_over_guess``, ``deploy`` (file,
          seed, validation); None where nothing meets), ``tied`` (list like chosen), ``runner_up`` (the first of the
          tied, else the best of the others that may be recommended);
        - ``chosen_by`` (how many competed, did not beat the guess or rank behind; ``steps``, what each preference left;
          ``tie_break``, what names one of those that are tied; None where nothing is chosen);
        - ``blocked_by`` (why nothing is: ``reason``, the ``requirements`` to blame and ``conflicts``, those that no
          configuration meets together though any fewer of them; None where something is),
          ``nearest`` (the configuration with the smallest worst shortfall), ``best`` (where nothing beats the guess);
        - ``requirements`` (per requirement: how many meet it, who comes nearest, by how much it is missed),
          ``tightest`` (the requirement with the least to spare), ``breaking_levels`` (of the chosen or nearest
          configuration);
        - ``safer`` (what keeps more to the limits, and what it costs), ``undecided`` (what the study could not settle,
          and which measurement would), ``what_if`` (the recommendation under other requirements);
        - ``references``, ``reference_ahead`` (one that the choice is far behind) and ``num_beating_guess`` (None where
          not measured).
    """
    tasks = {}
    for task, rows in measurements.groupby("task", sort=False):
        beside = references_of(references, str(task))
        told = rows if reported is None else reported[reported.task == task]
        asked = requirements.of(str(task))
        found = described(Choice(Numbers(rows, told), asked), asked, folder)
        subject = found["chosen"] or found["nearest"] or found["best"]
        reached = subject["numbers"][CLEAN]["mean"] if subject else None
        curves = None if learning_curves is None or learning_curves.empty else learning_curves.query("task == @task")
        tasks[str(task)] = found | {
            "references": beside,
            "reference_ahead": far_behind(reached, beside, score_of(rows)),
            "still_falling": still_falling(curves),
            "lost": lost_networks(rows),
        }
    report = f"{folder}/08_reporting/report.html"
    return {"requirements": requirements.model_dump(mode="json", exclude_none=True), "tasks": tasks, "report": report}
