"""The one loop over levels and draws."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.measurements import Measurement, Where
from lowland.robustness.half_life import half_life_of_scores
from lowland.robustness.scenario import Scenario
from lowland.robustness.subject import Subject
from lowland.tasks.evaluation import Evaluation, disturbance_response, evaluate


def sweep(subject: Subject, scenario: Scenario) -> list[Measurement]:
    """The response at every level, and the level at which half of what a network is worth is lost, on either half.

    Every level and draw is evaluated once, on all held-out samples; the evaluation is then cut by half.

    Args:
        subject: What is disturbed.
        scenario: How.

    Returns:
        Measurements of the long table for each half: per level score, what is lost of it, loss rise, changed decisions,
        non-finite outputs and what the disturbance itself reports; then the half-life where there are two levels, no
        disturbance at all counting as one (except where less is worse: an ADC has no mildest number of bits).
    """
    clean = subject.clean
    if scenario.undisturbed is not None:
        clean = evaluate(subject.task, scenario.undisturbed, subject.samples)
    evaluations: dict[float, list[Evaluation]] = {}
    also: dict[float, dict[str, list[Tensor]]] = {}
    for level in sorted(scenario.levels, reverse=scenario.condition.falls):
        evaluations[level], also[level] = [], {}
        for number in range(scenario.draws):
            disturbed = scenario.at(level, number)
            evaluations[level].append(evaluate(subject.task, disturbed.model, disturbed.samples))
            for measure, values in disturbed.also.items():
                also[level].setdefault(measure, []).append(values.double())
    measurements: list[Measurement] = []
    for split, mask in subject.splits.held_out.halves.items():
        half = {level: [drawn.at(mask) for drawn in draws] for level, draws in evaluations.items()}
        for level, draws in half.items():
            at = Where(scenario.condition, scenario.target, level, split)
            for measure, each in also[level].items():
                measurements.append(
                    at.measured(measure, Estimate.from_samples(torch.cat([values[mask] for values in each])))
                )
            measurements += disturbance_response(subject.task, clean.at(mask), draws, at)
        half_life = _half_life(subject, scenario, clean.at(mask), half, targets=subject.samples.targets[mask])
        if half_life is not None:
            measurements.append(
                Where(scenario.condition, scenario.target, split=split).measured("half_life", half_life)
            )
    return measurements


def _half_life(
    subject: Subject,
    scenario: Scenario,
    clean: Evaluation,
    evaluations: dict[float, list[Evaluation]],
    *,
    targets: Tensor,
) -> Estimate | None:
    """The level at which half is lost, on some samples; None where levels are too few."""
    condition = scenario.condition
    scores = {level: [drawn.scores for drawn in draws] for level, draws in evaluations.items()}
    if not condition.falls:
        scores = {0.0: [clean.scores] * scenario.draws} | scores
    if len(scores) < 2:
        return None
    return half_life_of_scores(
        list(scores),
        list(scores.values()),
        floor=subject.floor(clean, targets),
        higher_is_better=subject.task.higher_is_better,
        scale="log" if condition.unit.logarithmic else "linear",  # whichever levels were chosen
    ).estimate()
