"""The one loop over levels and draws."""

from __future__ import annotations

import torch

from lowland.estimate import Estimate
from lowland.measurements import Measurement, Where
from lowland.robustness.half_life import half_life_of_scores
from lowland.robustness.scenario import Scenario
from lowland.robustness.subject import Subject
from lowland.tasks.evaluation import Answer, answer, disturbance_response


def sweep(subject: Subject, scenario: Scenario) -> list[Measurement]:
    """The response at every level, and the level at which half of what a network is worth is lost.

    Args:
        subject: What is disturbed.
        scenario: How.

    Returns:
        Rows of the long table: per level score, what is lost of it, loss rise, changed decisions, non-finite outputs
        and what the disturbance itself reports; then the half-life where there are two levels, no disturbance at all
        counting as one (except where less is worse: an ADC has no mildest number of bits).
    """
    condition = scenario.condition
    clean = subject.clean
    if scenario.undisturbed is not None:
        clean = answer(subject.task, scenario.undisturbed, subject.samples)
    rows: list[Measurement] = []
    also: dict[str, list[torch.Tensor]]
    evaluations: dict[float, list[Answer]] = {}
    for level in sorted(scenario.levels, reverse=condition.falls):
        evaluations[level], also = [], {}
        for number in range(scenario.draws):
            disturbed = scenario.at(level, number)
            evaluations[level].append(answer(subject.task, disturbed.model, disturbed.samples))
            for measure, values in disturbed.also.items():
                also.setdefault(measure, []).append(values.double())
        at = Where(condition, scenario.target, level)
        rows += [at.measured(measure, Estimate.from_samples(torch.cat(each))) for measure, each in also.items()]
        rows += disturbance_response(subject.task, clean, evaluations[level], at)
    scores = {level: [drawn.scores for drawn in draws] for level, draws in evaluations.items()}
    if not condition.falls:
        scores = {0.0: [clean.scores] * scenario.draws} | scores
    if len(scores) < 2:
        return rows
    found = half_life_of_scores(
        list(scores),
        list(scores.values()),
        floor=subject.floor(clean),
        higher_is_better=subject.task.higher_is_better,
        scale="log" if condition.unit.logarithmic else "linear",  # whichever levels were chosen
    )
    return [*rows, Where(condition, scenario.target).measured("half_life", found.estimate())]
