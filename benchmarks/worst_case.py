"""The worst that bit policies do: how soon agents find it, how long a policy takes, who loses most to it.

    python benchmarks/worst_case.py --out /tmp/worst_case
    python benchmarks/worst_case.py --only search times --seeds 1    # minutes

Parts are the search, times, pairs of students and policies, students at other budgets and trained in other ways, and
mere rescaling; ``worst_case_factors.py`` compares architectures and schemes. Tables are printed and written, one
``<part>.parquet`` each; ``python -m scripts.describe_worst_case STUDY --search OUT/search.parquet --students
OUT/students.parquet`` reads two of them. The peer is optuna's TPE, left out where it is not installed: ``pip install
--target PEERS optuna`` and ``PYTHONPATH=PEERS``, so that torch stays.

Asked: the best agent within 120 evaluations at 95 % of the optimum of 4,096 policies, and never below greedy at equal
evaluations; a policy on 2,000 rows of jets in 5 ms.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import torch
from worst_case_pairs import SETTINGS, pairs, rescaled
from worst_case_search import Known, searched, summary
from worst_case_students import students
from worst_case_subjects import NETWORKS, subject
from worst_case_times import times

SEARCHED = (("jets, 6 layers", "plain"), ("jets, 6 layers", "distilled_robust"), ("digits, LeNet-5", "plain"))
MEAN_BITS = (5.0, 6.0, 7.0)
REPETITIONS = 5
ROWS = {"jets, 4 layers": 2000, "jets, 6 layers": 2000, "digits, LeNet-5": 500, "digits, ResNet-8": 100}
RUNTIMES = ("litert", "torchao")


def search_tables(seeds: int) -> Iterator[pd.DataFrame]:
    """Histories of all agents on every network."""
    for name, recipe in SEARCHED:
        for seed in range(seeds):
            known = Known.of(subject(name, recipe=recipe, seed=seed))
            for mean_bits in MEAN_BITS:
                label = f"{name}, {recipe}, seed {seed}"
                history = searched(known, mean_bits=mean_bits, seeds=REPETITIONS, network=label)
                print(summary(history).round(3).to_string(index=False), flush=True)
                yield history


def time_tables(_: int) -> Iterator[pd.DataFrame]:
    """Of every network in every runtime's arithmetic, seed 0."""
    for name in NETWORKS:
        trained = subject(name)
        for runtime in RUNTIMES:
            yield times(trained, rows=ROWS[name], runtime=runtime)


def pair_tables(seeds: int) -> Iterator[pd.DataFrame]:
    """Of every network with settings for students."""
    for name, settings in SETTINGS.items():
        for seed in range(seeds):
            yield pairs(subject(name, seed=seed), settings)


def student_tables(seeds: int) -> Iterator[pd.DataFrame]:
    """Of every network with settings for students."""
    for name in SETTINGS:
        for seed in range(seeds):
            yield from students(subject(name, seed=seed))


def rescaled_tables(seeds: int) -> Iterator[pd.DataFrame]:
    """Of every network."""
    for name in NETWORKS:
        for seed in range(seeds):
            yield rescaled(subject(name, seed=seed))


PARTS: dict[str, Callable[[int], Iterator[pd.DataFrame]]] = {
    "search": search_tables,
    "times": time_tables,
    "pairs": pair_tables,
    "students": student_tables,
    "rescaled": rescaled_tables,
}


def main() -> None:
    """Prints and writes the tables of the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--seeds", type=int, default=3, help="trained networks of every kind")
    parser.add_argument("--out", type=Path, help="folder for the tables")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pd.set_option("display.width", 200)
    for part in arguments.only:
        table = pd.concat(PARTS[part](arguments.seeds), ignore_index=True)
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
            table.to_parquet(arguments.out / f"{part}.parquet")
        shown = summary(table) if part == "search" else table
        print(f"\n{part}\n\n{shown.round(4).to_string(index=False)}\n", flush=True)


if __name__ == "__main__":
    main()
