"""Which score of a deployed network finds the answers in which it differs from its float network.

    python -m benchmarks.shift.leaderboard FOLDER
    python -m benchmarks.shift.leaderboard FOLDER --detector my_module:my_score

A detector is a function of the deployed network's logits [rows, classes] (numpy), that returns a score [rows], higher
where it expects a difference. Rows of all sets of a network count together, but those of label shift, which are nominal
rows once more; the area under the receiver operating characteristic is a mean over networks with ten differing answers
or more. Errors come from a bootstrap of source rows.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.shift.loader import LABEL_SHIFT, Benchmark
from lowland.disagreement import (
    UNCERTAINTY_MEASURES,
    MarkedScores,
    UncertaintyMeasure,
    distinct_measures,
    mean_detection_auroc,
    uncertainty,
)

Detector = Callable[[np.ndarray], np.ndarray]


def built_in(measure: UncertaintyMeasure) -> Detector:
    """One of lowland's measures of uncertainty as a detector."""
    return lambda logits: uncertainty(torch.from_numpy(logits), measure).numpy()


def detectors_of(names: list[str], classes: int) -> dict[str, Detector]:
    """Lowland's measures that rank rows differently, and those that dotted names give.

    Args:
        names: ``module:function``.
        classes: With two of them all measures but the energy rank alike.
    """
    found: dict[str, Detector] = {name: built_in(name) for name in distinct_measures(UNCERTAINTY_MEASURES, classes)}
    for name in names:
        module, _, function = name.partition(":")
        try:
            found[name] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise SystemExit(f"--detector {name}: {error}; expected module:function on PYTHONPATH") from None
    return found


def scored(name: str, detector: Detector, logits: np.ndarray) -> torch.Tensor:
    """The scores of a detector [rows], checked."""
    scores = np.asarray(detector(logits.copy()), dtype=np.float64)
    if scores.shape != logits.shape[:1] or not np.isfinite(scores).all():
        raise SystemExit(
            f"--detector {name}: got scores of shape {scores.shape}, {np.isfinite(scores).sum()} of them finite; "
            f"expected {len(logits)} finite numbers, one a row"
        )
    return torch.from_numpy(scores)


def leaderboard(benchmark: Benchmark, detectors: list[str] | None = None, *, split: str = "test") -> pd.DataFrame:
    """Detectors of every task, the best first.

    Args:
        benchmark: The answers.
        detectors: Further ones, ``module:function``.
        split: Of the rows.

    Returns:
        ``task, detector, auroc, standard_error``, ``behind`` (how far behind the margin, negative where it is ahead)
        and ``behind_error``, ``networks``.
    """
    return pd.DataFrame(
        [row for task in benchmark.tasks for row in _of_task(benchmark, task, detectors or [], split)],
        columns=["task", "detector", "auroc", "standard_error", "behind", "behind_error", "networks"],
    )


def _of_task(benchmark: Benchmark, task: str, names: list[str], split: str) -> Iterator[Mapping[str, object]]:
    networks, sources = [], np.empty(0, np.int64)
    for comparison in benchmark.comparisons(task, split=split):
        comparison = comparison.without(LABEL_SHIFT)
        detectors = detectors_of(names, comparison.logits.shape[1])
        scores = {name: scored(name, each, comparison.logits) for name, each in detectors.items()}
        networks.append(MarkedScores(scores, torch.from_numpy(comparison.disagree)))
        sources = comparison.sources
    found = mean_detection_auroc(networks, torch.tensor(sources), key=("leaderboard", task))
    for name, (area, behind) in sorted(found.items(), key=lambda item: -np.nan_to_num(item[1][0].value)):
        yield {
            "task": task,
            "detector": name,
            "auroc": area.value,
            "standard_error": area.standard_error,
            "behind": behind.value,
            "behind_error": behind.standard_error,
            "networks": area.num_samples if area.status == "ok" else 0,
        }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", action="append", default=[], help="module:function; may be repeated")
    parser.add_argument("--split", choices=["selection", "test"], default="test")
    arguments = parser.parse_args()
    sys.path.insert(0, ".")
    table = leaderboard(Benchmark(arguments.folder), arguments.detector, split=arguments.split)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))


if __name__ == "__main__":
    main()
