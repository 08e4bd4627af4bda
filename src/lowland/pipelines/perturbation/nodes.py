"""What noise, bad sensors and pictures, adversaries and flipped bits do to one cell, and which of its bits matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import NamedTuple

import pandas as pd
from torch import Tensor, nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.estimate import Estimate
from lowland.faults import BitFlipOptions, FlipMapOptions, flipped_networks, measure_vulnerability
from lowland.measurements import Cell, Family, Measurement, cell_frame, table
from lowland.perturbation import (
    ATTACKS,
    DETERMINISTIC_CORRUPTIONS,
    DETERMINISTIC_FAULTS,
    FALLING_FAULTS,
    INPUT_NOISES,
    SENSOR_FAULTS,
    AttackOptions,
    Ball,
    CorruptionOptions,
    FeatureRanges,
    HalfLifeOptions,
    InputNoiseOptions,
    Scale,
    SensorFaultOptions,
    corrupt,
    draw,
    draw_sensors,
    half_life_of_scores,
)
from lowland.pipelines.sensor_ranges import sensor_ranges
from lowland.quantization import IntegerNetwork
from lowland.randomness import generator
from lowland.tasks import Rows, Splits, Task, TaskOptions, build_task
from lowland.tasks.evaluation import Answer, answer, disturbance_response

Curve = Mapping[float, Sequence[Answer]]
"""The answers of every draw by level, from the mildest to the worst."""


class _Subject(NamedTuple):
    """What is disturbed, and how it answers undisturbed."""

    task: Task
    network: nn.Module
    splits: Splits
    ranges: FeatureRanges
    clean: Answer
    key: tuple[str, ...]
    half_life: HalfLifeOptions

    def answers(self, levels: Sequence[float], draws: Sequence[object], change: Callable[..., Tensor]) -> Curve:
        """To the test inputs as every draw changes them at every level."""
        targets = self.splits.held_out.rows.targets
        return {
            level: [answer(self.task, self.network, Rows(change(drawn, level=level), targets)) for drawn in draws]
            for level in levels
        }

    def curve(
        self, family: Family, condition: str, answers: Curve, *, clean: Answer | None = None
    ) -> list[Measurement]:
        """The response at every level, and the level that leaves half, on each half of the held-out rows."""
        before, held_out = clean or self.clean, self.splits.held_out
        rows = []
        for split, mask in held_out.halves.items():
            half = {level: [drawn.at(mask) for drawn in draws] for level, draws in answers.items()}
            targets = held_out.rows.targets[mask]
            measured = self._curve(family, condition, half, before=before.at(mask), targets=targets)
            rows += [replace(row, split=split) for row in measured]
        return rows

    def _curve(
        self, family: Family, condition: str, answers: Curve, *, before: Answer, targets: Tensor
    ) -> list[Measurement]:
        """The same on one half."""
        rows = [
            row
            for level, draws in answers.items()
            for row in disturbance_response(self.task, before, draws, family=family, condition=condition, level=level)
        ]
        scores = {level: [drawn.scores for drawn in draws] for level, draws in answers.items()}
        if condition not in FALLING_FAULTS:  # nothing at all is the mildest
            scores = {0.0: [before.scores] * len(next(iter(scores.values())))} | scores
        if len(scores) > 1:
            floor = self.half_life.of(float(before.scores.mean()), self.task.guess_score(targets))
            scale: Scale = "log" if family == "bit_flip" else "linear"  # whichever levels were chosen
            found = half_life_of_scores(
                list(scores),
                list(scores.values()),
                floor=floor,
                higher_is_better=self.task.higher_is_better,
                scale=scale,
            )
            rows.append(Measurement(family, "half_life", found.estimate(), condition))
        return rows


def disturb(
    cell: Cell,
    task: TaskOptions,
    input_noise: InputNoiseOptions,
    sensor_faults: SensorFaultOptions,
    corruptions: CorruptionOptions,
    attacks: AttackOptions,
    bit_flips: BitFlipOptions,
    other_faults: BitFlipOptions,
    half_life: HalfLifeOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """The response of one cell to disturbed inputs and to flips of its bits, on the held-out rows."""
    problem = build_task(task)
    if model.status != "ok":
        missing = Estimate.missing(model.status)
        wanted: dict[Family, object] = {"noise": True, "adversarial": attacks.kinds, "bit_flip": True}
        rows = [Measurement(family, "all", missing) for family, asked in wanted.items() if asked]
        # Shifted sets are of the same family and missing too: their row has no condition.
        spoiled = (*sensor_faults.levels, *(corruptions.kinds if problem.input_kind == "image" else ()))
        rows += [Measurement("corruption", "all", missing, kind) for kind in spoiled]
        return table(cell, rows)
    splits = Splits.from_tensors(data.tensors)
    clean = answer(problem, model.network, splits.held_out.rows)
    ranges = sensor_ranges(problem, splits)
    subject = _Subject(problem, model.network, splits, ranges, clean, (cell.task,), half_life)
    rows = [
        *_under_noise(subject, input_noise),
        *_with_broken_sensors(subject, sensor_faults),
        *_with_bad_pictures(subject, corruptions),
        *_under_attack(subject, attacks),
        *_under_flips(subject, bit_flips),
        *_under_flips(subject, other_faults),
    ]
    return table(cell, rows)


def _under_noise(subject: _Subject, options: InputNoiseOptions) -> Iterator[Measurement]:
    """Every noise at every level, with the same draws for every cell of a task."""
    inputs = subject.splits.held_out.rows.inputs
    for kind in options.kinds:
        draws = [draw(inputs.shape, key=(*subject.key, kind, number)) for number in range(options.draws)]
        noise = partial(INPUT_NOISES[kind], inputs, subject.ranges)
        answers = subject.answers(sorted(options.levels), draws, noise)
        yield from subject.curve("noise", kind, answers)


def _with_broken_sensors(subject: _Subject, options: SensorFaultOptions) -> Iterator[Measurement]:
    """Every fault of the sensors at every level; fewer bits of an ADC are worse, more of anything else."""
    inputs = subject.splits.held_out.rows.inputs
    for kind, levels in options.levels.items():
        numbers = range(1 if kind in DETERMINISTIC_FAULTS else options.draws)
        sensors = partial(draw_sensors, inputs.shape, sensor_dims=subject.task.sensor_dims)
        draws = [sensors(key=(*subject.key, kind, number)) for number in numbers]
        extra = {"zero": subject.splits.zero} if kind == "gain_drift" else {}
        fault = partial(SENSOR_FAULTS[kind], inputs, subject.ranges, **extra)
        rising = sorted(levels, reverse=kind in FALLING_FAULTS)
        answers = subject.answers(rising, draws, fault)
        yield from subject.curve("corruption", kind, answers)


def _with_bad_pictures(subject: _Subject, options: CorruptionOptions) -> Iterator[Measurement]:
    """Every corruption of inputs that are pictures; severities share the random numbers of a draw."""
    if subject.task.input_kind != "image":
        return
    inputs, limits = subject.splits.held_out.rows.inputs, subject.task.readings.limits
    for kind in options.kinds:
        numbers = range(1 if kind in DETERMINISTIC_CORRUPTIONS else options.draws)

        def spoiled(number: int, *, level: int, kind: str = kind) -> Tensor:
            source = generator(*subject.key, kind, number)
            return corrupt(inputs, kind, severity=level, generator=source, value_range=limits)

        answers = subject.answers(sorted(options.severities), numbers, spoiled)
        yield from subject.curve("corruption", kind, answers)


def _under_attack(subject: _Subject, options: AttackOptions) -> Iterator[Measurement]:
    """Gradient attacks through the straight-through twin, answered by the deployed network."""
    task, rows = subject.task, subject.splits.held_out.rows
    for kind in options.kinds:
        for norm in options.norms:
            condition, answers = f"{kind}_{norm}", {}
            for level in sorted(options.levels):
                found = ATTACKS[kind](
                    subject.network,
                    task.row_losses,
                    *rows,
                    ball=Ball(norm, level, subject.ranges.deviation, subject.ranges.limits),
                    **options.effort(kind, key=(*subject.key, kind, norm)),
                )
                answers[level] = [answer(task, subject.network, Rows(found.inputs, rows.targets))]
                for split, mask in subject.splits.held_out.halves.items():
                    blind = Estimate.from_samples(found.blind[mask].double())
                    yield Measurement("adversarial", "blind_rate", blind, condition, level=level, split=split)
            yield from subject.curve("adversarial", condition, answers)


def _under_flips(subject: _Subject, options: BitFlipOptions) -> Iterator[Measurement]:
    """Faults of the memory and of what is computed, at equal counts and at equal rates; rankings see landscape rows."""
    task, network, rows = subject.task, subject.network, subject.splits.held_out.rows
    known = [subject.splits["landscape"]]
    found = flipped_networks(
        network,
        options,
        key=(*subject.key, "bit flips"),
        loss=task.loss,
        known_batches=known,
        float_from=task.float_from,
    )
    for condition, levels in groupby(found, key=lambda item: item[0]):
        # Transient flips are computed in integers, which settle ties otherwise than the replayed float arithmetic.
        integer = network if condition.startswith("activations_") else None
        clean = answer(task, integer.deployed_outputs, rows) if isinstance(integer, IntegerNetwork) else subject.clean
        answers = {level: [answer(task, flipped, rows) for flipped in networks] for _, level, networks in levels}
        yield from subject.curve("bit_flip", condition, dict(sorted(answers.items())), clean=clean)


def map_flips(
    cell: Cell,
    task: TaskOptions,
    options: FlipMapOptions,
    bit_flips: BitFlipOptions,
    data: StoredTensors,
    model: StoredModel,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of the long table, the map of all single flips and the protection plan of one cell.

    What flips do is measured on held-out rows of both halves; rankings and the search for the worst flips see
    landscape rows only.
    """
    if not isinstance(model.network, IntegerNetwork) or model.status != "ok":
        missing = Measurement("bit_flip", "bit_error_slope", Estimate.missing(model.status))
        return table(cell, [missing]), pd.DataFrame(), pd.DataFrame()
    problem, splits = build_task(task), Splits.from_tensors(data.tensors)
    held_out = splits.held_out.rows
    rows = held_out if options.rows == "all" else held_out.head(options.rows)
    found = measure_vulnerability(
        model.network,
        loss=problem.loss,
        row_losses=problem.row_losses,
        row_scores=problem.row_scores,
        batches=rows.batches((len(rows.inputs) + 1) // 2),
        known_batches=[splits["landscape"]],
        options=options,
        score=problem.score_name,
        encoding=bit_flips.encoding,
        key=(cell.task, "protection"),
    )
    return table(cell, found.rows()), cell_frame(cell, **found.bit_columns()), cell_frame(cell, **found.plan_columns())
