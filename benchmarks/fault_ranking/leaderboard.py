"""Which ranking finds the bits whose flips hurt most.

    python -m benchmarks.fault_ranking.leaderboard FOLDER
    python -m benchmarks.fault_ranking.leaderboard FOLDER --ranking my_module:my_score

A ranking is a function of the table of a network's bits *without the truth* that returns a number a bit (numpy), higher
where it expects more harm. It is judged by Spearman's coefficient over all bits of a network, and by how many of the
worst 1 % are among its first 1 %. Means over networks; intervals over recipes, whose networks count as one.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.fault_ranking.loader import TRUTHS, Benchmark, MappedCell
from lowland.analysis.intervals import t_interval

Ranking = Callable[[pd.DataFrame], np.ndarray]
PLACES = ("tensor", "element", "bit", "bits")
WORST_SHARE = 0.01
REFERENCE = "matched"


def rankings_of(names: Iterable[str]) -> dict[str, Ranking]:
    """The rankings that dotted names give.

    Args:
        names: ``module:function``.
    """
    found: dict[str, Ranking] = {}
    for name in names:
        module, _, function = name.partition(":")
        try:
            found[name] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise SystemExit(f"--ranking {name}: {error}; expected module:function on PYTHONPATH") from None
    return found


def scores_of(cell: MappedCell, rankings: Mapping[str, Ranking]) -> Iterator[tuple[str, np.ndarray]]:
    """What each ranking says of every bit: those that are kept beside the truth, and one's own."""
    known = cell.bits.drop(columns=list(TRUTHS))
    for name in known.columns.difference(PLACES, sort=False):
        yield name, known[name].to_numpy(dtype=float)
    for name, ranking in rankings.items():
        scores = np.asarray(ranking(known.copy()), dtype=float)
        if scores.shape != (len(known),) or not np.isfinite(scores).all():
            raise SystemExit(
                f"--ranking {name}: got scores of shape {scores.shape}, {np.isfinite(scores).sum()} of them finite; "
                f"expected {len(known)} finite numbers, one a bit"
            )
        yield name, scores


def judged(cell: MappedCell, rankings: Mapping[str, Ranking], *, truth: str) -> Iterator[dict[str, object]]:
    """Coefficient and recall of every ranking in one network.

    Bits that are as bad as the last of the worst count as such, so that ties cannot make a ranking look bad; those that
    a ranking ties are taken in a fixed random order.
    """
    harm = cell.bits[truth].to_numpy(dtype=float)
    count = max(1, round(WORST_SHARE * len(harm)))
    least = np.sort(harm)[-count]
    order = np.random.default_rng(0).permutation(len(harm))
    ranks = pd.Series(harm).rank().to_numpy()
    names = {name: cell.about[name] for name in ("task", "recipe", "precision")}
    for name, scores in scores_of(cell, rankings):
        first = order[np.argsort(-scores[order], kind="stable")][:count]
        rho = float(np.corrcoef(pd.Series(scores).rank().to_numpy(), ranks)[0, 1])
        yield names | {"ranking": name, "rho": rho, "recall": float((harm[first] >= least).mean())}


def leaderboard(benchmark: Benchmark, rankings: Iterable[str] = (), *, truth: str = "loss_rise") -> pd.DataFrame:
    """Rankings of every task, the best recall first.

    Args:
        benchmark: The maps.
        rankings: Further ones, ``module:function``.
        truth: ``loss_rise`` or ``score_drop``.

    Returns:
        ``task, ranking``, ``rho`` and ``recall`` with the ends of their intervals (``_low``, ``_high``), ``behind``
        (how much less of the worst is found than by matched curvature, in the same networks) and ``networks``.
    """
    own = rankings_of(rankings)
    rows = []
    for task in benchmark.tasks:
        found = pd.DataFrame([row for cell in benchmark.maps(task) for row in judged(cell, own, truth=truth)])
        by_recipe = found.groupby(["ranking", "recipe"], sort=False)[["rho", "recall"]].mean().unstack("recipe")
        for name in by_recipe.index:
            rho, recall = by_recipe.loc[name, "rho"], by_recipe.loc[name, "recall"]
            row: dict[str, object] = {"task": task, "ranking": name}
            row |= dict(zip(("rho", "rho_low", "rho_high"), t_interval(list(rho)), strict=True))
            row |= dict(zip(("recall", "recall_low", "recall_high"), t_interval(list(recall)), strict=True))
            behind = t_interval(list(by_recipe.loc[REFERENCE, "recall"] - recall))
            row |= dict(zip(("behind", "behind_low", "behind_high"), behind, strict=True))
            rows.append(row | {"networks": int((found.ranking == name).sum())})
    return pd.DataFrame(rows).sort_values(["task", "recall"], ascending=[True, False], ignore_index=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ranking", action="append", default=[], help="module:function; may be repeated")
    parser.add_argument("--truth", choices=TRUTHS, default=TRUTHS[0])
    arguments = parser.parse_args()
    sys.path.insert(0, ".")
    table = leaderboard(Benchmark(arguments.folder), arguments.ranking, truth=arguments.truth)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
