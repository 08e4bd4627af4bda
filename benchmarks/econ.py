"""How fast the ECON-T task is: a float epoch against a hand-written torch loop, and the earth mover's distance.

    python benchmarks/econ.py
    python benchmarks/econ.py --wafers $LOWLAND_DATA/hgcal/CALQ_output.csv --repeats 7

Both loops see the same batches. Asked: an epoch on 20,000 wafers within 1.5 times the plain loop, the distances of
2,000 wafers within 2 seconds.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lowland.architectures import initialised_network
from lowland.randomness import generator
from lowland.tasks import Samples, build_task
from lowland.tasks.econ import Econ, EconOptions
from lowland.training import Recipe, TrainingData, TrainingOptions, train

KEY = ("econ benchmark",)
OPTIONS = TrainingOptions(epochs=1, batch_size=1024, learning_rate=0.0015625, schedule="constant")
TRAINING_WAFERS, SCORED_WAFERS, VALIDATION_WAFERS = 20_000, 2_000, 100


def task_of(wafers: Path | None) -> Econ:
    """The task on simulated wafers, or on those of a file or directory."""
    options = EconOptions(
        kind="econ",
        source="simulated" if wafers is None else "file",
        path=wafers,
        train_rows=TRAINING_WAFERS,
        validation_rows=VALIDATION_WAFERS,
        landscape_rows=2,
        test_rows=SCORED_WAFERS,
        shifted_rows=2,
        filters=8,
        latent=16,
    )
    task = build_task(options)
    assert isinstance(task, Econ)
    return task


def repeated(rows: Samples, count: int) -> Samples:
    """So many rows, over and over where there are fewer."""
    index = torch.arange(count) % len(rows.inputs)
    return Samples(rows.inputs[index], rows.targets[index])


def library_epoch(task: Econ, network: nn.Module, training: Samples, validation: Samples) -> None:
    """One epoch of the project's loop."""
    recipe = Recipe.model_validate({"kind": "plain"}).root
    train(network, TrainingData(training, validation, task.loss), recipe=recipe, options=OPTIONS, key=KEY)


def plain_epoch(task: Econ, network: nn.Module, training: Samples, validation: Samples) -> None:
    """One epoch as one would write it by hand."""
    optimizer = torch.optim.Adam(network.parameters(), lr=OPTIONS.learning_rate, fused=True)
    network.train()
    order = torch.randperm(len(training.inputs), generator=generator(*KEY, "batch order"))
    for index in order.split(OPTIONS.batch_size):
        optimizer.zero_grad()
        task.loss(network(training.inputs[index]), training.targets[index]).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        task.loss(network(validation.inputs), validation.targets)


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Measures in turns, so that both loops see the same load, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wafers", type=Path, help="CSV file or directory instead of simulated wafers")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    task = task_of(arguments.wafers)
    simulation = time.perf_counter()
    raw = task.fetch()
    simulation = time.perf_counter() - simulation
    splits = task.prepare(raw)
    training, test = repeated(splits["train"], TRAINING_WAFERS), repeated(splits.held_out.samples, SCORED_WAFERS)
    network = initialised_network(task.network_spec(), key=KEY)
    loops: dict[str, list[float]] = {"lowland": [], "plain": []}
    for _ in range(arguments.repeats + 1):
        for name, epoch in (("lowland", library_epoch), ("plain", plain_epoch)):
            fresh = copy.deepcopy(network)
            loops[name].append(seconds(lambda e=epoch, n=fresh: e(task, n, training, splits["validation"])))
    times = {name: statistics.median(values[1:]) for name, values in loops.items()}  # the first warms up
    ratio = statistics.median(
        ours / theirs for ours, theirs in zip(loops["lowland"][1:], loops["plain"][1:], strict=True)
    )
    with torch.no_grad():
        outputs = network(test.inputs)
    noise = torch.from_numpy(np.random.default_rng(0).random(outputs.shape, dtype=np.float32))
    scores = [seconds(lambda: task.sample_scores(outputs * noise, test.targets)) for _ in range(arguments.repeats + 1)][
        1:
    ]
    print(f"{'what':<46}{'median':>10}{'asked':>10}")
    print(f"{f'wafers read or simulated ({len(raw):,})':<46}{simulation:>8.2f} s{'':>10}")
    print(f"{'float epoch, 20,000 wafers, lowland':<46}{times['lowland']:>8.2f} s{'':>10}")
    print(f"{'float epoch, 20,000 wafers, plain loop':<46}{times['plain']:>8.2f} s{'':>10}")
    print(f"{'ratio':<46}{ratio:>10.2f}{'1.50':>10}")
    print(f"{f'earth mover distances, {SCORED_WAFERS:,} wafers':<46}{statistics.median(scores):>8.2f} s{'2.00 s':>10}")


if __name__ == "__main__":
    main()
