"""Tables of `docs/matched.md`: what predicts what flips cost, of which networks and of which bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from benchmarks.fault_ranking.cell_map import PLACEBOS
from benchmarks.fault_ranking.loader import Benchmark
from lowland.analysis.fault_ranking import Columns, Comparison, Interval, Relations, relations, reliability
from lowland.analysis.intervals import t_interval

STRATA = ("task", "precision")
REFERENCE, CONTROL, SCATTERED = "matched curvature", "mean squared flip", "placebo: dealt out over the network"
INSIDE = "placebo: dealt out inside tensors"
PREDICTORS: dict[str, Columns] = {
    REFERENCE: "matched_mean",
    SCATTERED: [f"scattered_mean_{draw}" for draw in range(PLACEBOS)],
    INSIDE: "placebo_mean",
    CONTROL: "squared_change_mean",
    "trace × mean squared flip": "trace_times_flip",
    "output error": "output_error_mean",
    "share of decisions flips change, predicted": "flip_mismatch_curvature",
    "Hessian trace": "hessian_trace",
    "largest eigenvalue": "largest_eigenvalue",
    "weight norm": "weight_norm",
    "clean loss": "known_loss",
    "mean margin": "margin",
    "entropy": "entropy",
    "calibration error": "calibration_error",
    "300 random flips, measured": "random_flips",
    "1 % of all flips, stratified, measured": "stratified",
}
NO_RANK = {"mean margin"}
"""Their sign is turned: the surer a network is, the less flips are expected to cost."""
Verdict = Literal["holds", "withdrawn", "cannot tell"]


def networks_of(benchmark: Benchmark) -> pd.DataFrame:
    """One row a network with all that predicts it."""
    cells = benchmark.cells.copy()
    cells["trace_times_flip"] = cells.hessian_trace * cells.squared_change_mean
    cells["margin"] = -cells.margin
    return cells


def verdict(behind: Interval) -> Verdict:
    """What a placebo that is so far behind says of the claim that matching matters."""
    if behind.surely_above:
        return "holds"
    return "withdrawn" if behind.high <= SMALL else "cannot tell"


SMALL = 0.05
"""A claim is withdrawn where matching surely adds less than this to Spearman's coefficient."""


def predictor_rows(networks: pd.DataFrame, *, truth: str, strata: Sequence[str] = STRATA) -> dict[str, Relations]:
    """Relations of all predictors with a truth, the best first.

    Args:
        networks: See ``networks_of``.
        truth: Column.
        strata: Inside which ranks are formed.
    """
    predictors = dict(PREDICTORS)
    if "precision" not in strata:
        predictors["bits of a weight"] = "weight_bits"
    compared = Comparison(truth, strata, "recipe", reference=REFERENCE, control=CONTROL)
    found = relations(networks, predictors, compared)
    return dict(sorted(found.items(), key=lambda item: -np.nan_to_num(item[1].rho.value)))


def inside_change(networks: pd.DataFrame) -> float:
    """By how much, relative to it, the mean of matched curvature changes where it is dealt out inside tensors."""
    return float(((networks.placebo_mean - networks.matched_mean).abs() / networks.matched_mean.abs()).max())


def stratum_rows(benchmark: Benchmark, networks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Task by task and precision by precision: how sure the truth is, and what matched curvature says of it."""
    for (task, precision), cells in networks.groupby(list(STRATA), sort=False):
        if len(cells) < 3:
            continue
        sure = reliability(benchmark.row_rises(str(task), str(precision)))
        rho = {
            name: float(cells[[column, "loss_rise"]].corr("spearman").iloc[0, 1])
            for name, column in ((REFERENCE, "matched_mean"), (CONTROL, "squared_change_mean"))
        }
        ratio = cells.matched_mean / cells.loss_rise
        yield {
            "task": task,
            "precision": precision,
            "networks": len(cells),
            "rows": int(cells.num_rows.iloc[0]),
            "reliability": sure,
            "rho": rho,
            "disattenuated": rho[REFERENCE] / np.sqrt(sure) if sure > 0 else float("nan"),
            "ratios": ratio.quantile([0.1, 0.5, 0.9]).tolist(),
            "rises": [float(cells.loss_rise.min()), float(cells.loss_rise.median()), float(cells.loss_rise.max())],
            "repaired": float(cells.repaired_share.mean()),
            "regained": float((-cells.repaired_rise / (cells.loss_rise - cells.repaired_rise)).mean()),
        }


def rate_rows(benchmark: Benchmark, networks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What many flips at once cost against what single ones add up to, by task and bit error rate.

    All networks of a task see the same draws, and their ratios go up and down together: what is not known of their mean
    shows between draws (``mean``, with a t-interval over these), not between networks (``ratios``, quantiles).
    """
    for task in benchmark.tasks:
        rates = benchmark.rates(task)
        means = rates.groupby(["recipe", "precision", "bit_error_rate"], sort=False).loss_rise.mean().reset_index()
        own = networks[networks.task == task].set_index(["recipe", "precision"])
        total = own.loss_rise * own.num_bits
        joined = means.join(total.rename("slope"), on=["recipe", "precision"]).join(
            own.matched_mean, on=["recipe", "precision"]
        )
        slopes = rates.join(total.rename("slope"), on=["recipe", "precision"]).slope
        by_draw = (rates.loss_rise / (rates.bit_error_rate * slopes)).groupby([rates.bit_error_rate, rates.draw]).mean()
        for rate, cells in joined.groupby("bit_error_rate"):
            ratio = cells.loss_rise / (rate * cells.slope)
            ranks = [
                group[["matched_mean", "loss_rise"]].corr("spearman").iloc[0, 1]
                for _, group in cells.groupby("precision", sort=False)
                if len(group) > 2
            ]
            yield {
                "task": task,
                "rate": rate,
                "flips": float((rate * own.num_bits).median()),
                "rise": float(cells.loss_rise.median()),
                "ratios": ratio.quantile([0.1, 0.5, 0.9]).tolist(),
                "mean": Interval(*t_interval(list(by_draw.loc[rate]))),
                "rho": float(np.mean(ranks)) if ranks else float("nan"),
            }
