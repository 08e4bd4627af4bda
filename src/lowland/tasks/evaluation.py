"""How well a model does, clean and disturbed, as measurements of the long table."""

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
from lowland.tasks.splits import Half, Samples
from lowland.tasks.task import Task
from lowland.vocabulary.conditions import Condition


class Evaluation(NamedTuple):
    """What a model made of some samples: loss, score, decision and whether outputs are non-finite, per sample [n]."""

    losses: Tensor
    scores: Tensor
    decisions: Tensor
    non_finite: Tensor

    def at(self, mask: Tensor) -> Evaluation:
        """The same of the samples that a mask [n] marks."""
        return Evaluation(*(values[mask] for values in self))


def evaluate(task: Task, model: Callable[[Tensor], Tensor], samples: Samples) -> Evaluation:
    """Evaluate a model on all samples at once, without gradients."""
    with torch.no_grad():
        return evaluate_outputs(task, model(samples.inputs), samples.targets)


def evaluate_outputs(task: Task, outputs: Tensor, targets: Tensor) -> Evaluation:
    """Evaluate outputs that are there already."""
    return Evaluation(
        task.sample_losses(outputs, targets),
        task.sample_scores(outputs, targets),
        task.decisions(outputs),
        ~outputs.isfinite().flatten(1).all(dim=1),
    )


def by_half(
    halves: Mapping[Half, Tensor], measure: Callable[..., Iterable[Measurement]], *evaluations: Evaluation
) -> list[Measurement]:
    """What is measured on each half of held-out samples, from evaluations of all of them.

    Args:
        halves: Mask [n] of the samples of each half by its name, see ``HeldOut``.
        measure: Makes measurements of evaluations.
        evaluations: Of the same n samples; ``measure`` sees them cut to one half.
    """
    return [
        replace(measurement, split=split)
        for split, mask in halves.items()
        for measurement in measure(*(evaluation.at(mask) for evaluation in evaluations))
    ]


def performance(task: Task, clean: Evaluation) -> list[Measurement]:
    """Score and loss of undisturbed samples, with standard errors over samples."""
    return [
        Measurement("performance", task.score_name, Estimate.from_samples(clean.scores)),
        Measurement("performance", "loss", Estimate.from_samples(clean.losses)),
    ]


def gain(task: Task, clean: Evaluation, guess: Evaluation) -> Measurement:
    """How much better than the guess a model scores, sample by sample: positive is better, whatever the direction.

    Args:
        task: Says which way the score goes.
        clean: The model's evaluation.
        guess: That of the guess on the same samples, see ``Task.guess_outputs``.
    """
    direction = sign(task.score_name)
    better = direction * (clean.scores.double() - guess.scores.double())
    return Measurement("performance", "gain_over_guess", Estimate.from_samples(better))


def evaluate_guess(task: Task, training: Samples, samples: Samples) -> Evaluation:
    """Evaluate the guess that is made from training samples, on other samples."""
    return evaluate_outputs(task, task.guess_outputs(training.targets, len(samples.targets)), samples.targets)


def shift_response(task: Task, clean: Evaluation, shifted: Evaluation, condition: Condition) -> list[Measurement]:
    """Score on a shifted set, and what was lost against the nominal test set.

    The two sets hold different samples, so the errors of the differences add in quadrature.
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
    """Mean and standard error over draws of a disturbance, each compared sample by sample with the clean evaluation.

    A single draw is a disturbance that is the same every time: its standard errors are those over samples. A loss that
    is no number stays so in ``loss_rise`` (status ``non_finite``); the score counts such samples as worst.
    """
    direction = sign(task.score_name)
    per_sample = {
        task.score_name: [d.scores for d in draws],
        deterioration(task.score_name): [direction * clean.scores - direction * d.scores for d in draws],
        "loss_rise": [d.losses.double() - clean.losses.double() for d in draws],
        "mismatch_rate": [((d.decisions != clean.decisions) | d.non_finite).float() for d in draws],
        "non_finite_rate": [d.non_finite.float() for d in draws],
    }
    return [at.measured(measure, Estimate.from_samples(_samples(values))) for measure, values in per_sample.items()]


def _samples(per_sample: Sequence[Tensor]) -> Tensor:
    """Means of the draws; the samples where there is one draw only."""
    return per_sample[0] if len(per_sample) == 1 else torch.stack([values.mean() for values in per_sample])
