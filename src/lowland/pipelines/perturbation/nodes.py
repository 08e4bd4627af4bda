"""What noise on the inputs and flips in the stored bits do to one cell."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from torch import nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.faults import BitFlipOptions, flipped_networks
from lowland.measurements import Cell, Family, Measurement, stack, table, unavailable
from lowland.perturbation import INPUT_NOISES, FeatureRanges, InputNoiseOptions, draw
from lowland.tasks import Rows, Splits, Task, TaskOptions, build_task
from lowland.tasks.evaluation import Answer, answer, disturbance_response

FAMILIES: tuple[Family, ...] = ("noise", "bit_flip")


def disturb(
    cell: Cell,
    task: TaskOptions,
    input_noise: InputNoiseOptions,
    bit_flips: BitFlipOptions,
    data: StoredTensors,
    model: StoredModel,
) -> pd.DataFrame:
    """The response of one cell to noise on its inputs and to flips of its stored bits, on the test rows."""
    if model.status != "ok":
        return stack(unavailable(cell, family, model.status) for family in FAMILIES)
    problem, splits = build_task(task), Splits.from_tensors(data.tensors)
    clean = answer(problem, model.network, splits.test)
    key = (cell.task,)
    noise = _under_noise(problem, model.network, clean, splits, input_noise, key)
    flips = _under_flips(problem, model.network, clean, splits, bit_flips, key)
    return table(cell, [*noise, *flips])


def _under_noise(
    task: Task, network: nn.Module, clean: Answer, splits: Splits, options: InputNoiseOptions, key: tuple[str, ...]
) -> Iterator[Measurement]:
    """Every noise at every level, with the same draws for every cell of a task."""
    ranges, (inputs, targets) = FeatureRanges.of(splits.train.inputs), splits.test
    for kind in options.kinds:
        draws = [draw(inputs.shape, key=(*key, kind, number)) for number in range(options.draws)]
        for level in options.levels:
            noisy = (INPUT_NOISES[kind](inputs, ranges, numbers, level=level) for numbers in draws)
            answers = [answer(task, network, Rows(disturbed, targets)) for disturbed in noisy]
            yield from disturbance_response(task, clean, answers, family="noise", condition=kind, level=level)


def _under_flips(
    task: Task, network: nn.Module, clean: Answer, splits: Splits, options: BitFlipOptions, key: tuple[str, ...]
) -> Iterator[Measurement]:
    """Random flips at equal counts and at equal rates."""
    for condition, level, networks in flipped_networks(network, options, key=(*key, "bit flips")):
        answers = [answer(task, flipped, splits.test) for flipped in networks]
        yield from disturbance_response(task, clean, answers, family="bit_flip", condition=condition, level=level)
