"""How well a model answers, clean and disturbed, as rows of the long table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.measurements import Measurement, Where
from lowland.scores import deterioration, sign
from lowland.tasks.splits import Half, Rows
from lowland.tasks.task import Task
from lowland.vocabulary.conditions import Condition


class Evaluation(NamedTuple):
    """What a model made of some rows: loss, score, decision and non-finite outputs, per row [n]."""

    losses: Tensor
    scores: Tensor
    decisions: Tensor
    non_finite: Tensor

    def at(self, mask: Tensor) -> Evaluation:
        """The same of the rows that a mask [n] marks."""
        return Evaluation(*(values[mask] for values in self))


def evaluate(task: Task, model: Callable[[Tensor], Tensor], rows: Rows) -> Evaluation:
    """A model's answer to all rows at once, without gradients."""
    with torch.no_grad():
        return evaluate_outputs(task, model(rows.inputs), rows.targets)


def evaluate_outputs(task: Task, outputs: Tensor, targets: Tensor) -> Evaluation:
    """What outputs that are there already amount to."""
    return Evaluation(
        task.row_losses(outputs, targets),
        task.row_scores(outputs, targets),
        task.decisions(outputs),
        ~outputs.isfinite().flatten(1).all(dim=1),
    )


def by_half(
    halves: Mapping[Half, Tensor], measure: Callable[..., Iterable[Measurement]], *evaluations: Evaluation
) -> list[Measurement]:
    """What is measured on each half of held-out rows, from evaluations of all of them.

    Args:
        halves: Mask [n] of the rows of each half by its name, see ``HeldOut``.
        measure: Makes measurements of evaluations.
        evaluations: Of the same n rows; ``measure`` sees them cut to one half.
    """
    return [
        replace(row, split=split)
        for split, mask in halves.items()
        for row in measure(*(evaluation.at(mask) for evaluation in evaluations))
    ]


def performance(task: Task, clean: Evaluation) -> list[Measurement]:
    """Score and loss of undisturbed rows, with standard errors over rows."""
    return [
        Measurement("performance", task.score_name, Estimate.from_samples(clean.scores)),
        Measurement("performance", "loss", Estimate.from_samples(clean.losses)),
    ]


def gain(task: Task, clean: Evaluation, guess: Evaluation) -> Measurement:
    """How much better than the guess a model scores, row by row; above 0 it is, whichever way the score goes.

    Args:
        task: Says which way the score goes.
        clean: The model's answer.
        guess: To the same rows, see ``Task.guess_outputs``.
    """
    direction = sign(task.score_name)
    better = direction * (clean.scores.double() - guess.scores.double())
    return Measurement("performance", "gain_over_guess", Estimate.from_samples(better))


def evaluate_guess(task: Task, training: Rows, rows: Rows) -> Evaluation:
    """The guess that training rows lead to, as an answer to other rows."""
    return evaluate_outputs(task, task.guess_outputs(training.targets, len(rows.targets)), rows.targets)


def shift_response(task: Task, clean: Evaluation, shifted: Evaluation, condition: Condition) -> list[Measurement]:
    """Score on a shifted set, and what was lost against the nominal test set.

    The two sets hold different rows, so the errors of the differences add in quadrature.
    """
    scores, losses = Estimate.from_samples(shifted.scores), Estimate.from_samples(shifted.losses)
    before, loss_before = Estimate.from_samples(clean.scores), Estimate.from_samples(clean.losses)
    lost = _difference(before, scores, direction=sign(task.score_name))
    there = Where(condition)
    return [
        there.measured(task.score_name, scores),
        there.measured(deterioration(task.score_name), lost),
        there.measured("loss_rise", _difference(losses, loss_before)),
    ]


def _difference(first: Estimate, second: Estimate, *, direction: int = 1) -> Estimate:
    error = math.hypot(first.standard_error, second.standard_error)  # in any unit
    return Estimate(
        direction * first.value - direction * second.value, error, min(first.num_samples, second.num_samples)
    )


def disturbance_response(task: Task, clean: Evaluation, draws: Sequence[Evaluation], at: Where) -> list[Measurement]:
    """Mean and standard error over draws of a disturbance, each compared row by row with the clean answer.

    A single draw is a disturbance that is the same every time: its standard errors are those over rows. A loss that is
    no number stays so in ``loss_rise`` (status ``non_finite``); the score counts such rows as worst.
    """
    direction = sign(task.score_name)
    per_row = {
        task.score_name: [d.scores for d in draws],
        deterioration(task.score_name): [direction * clean.scores - direction * d.scores for d in draws],
        "loss_rise": [d.losses.double() - clean.losses.double() for d in draws],
        "mismatch_rate": [((d.decisions != clean.decisions) | d.non_finite).float() for d in draws],
        "non_finite_rate": [d.non_finite.float() for d in draws],
    }
    return [at.measured(measure, Estimate.from_samples(_samples(values))) for measure, values in per_row.items()]


def _samples(per_row: Sequence[Tensor]) -> Tensor:
    """Means of the draws; the rows where there is one draw only."""
    return per_row[0] if len(per_row) == 1 else torch.stack([values.mean() for values in per_row])
