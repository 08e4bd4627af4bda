"""Do landscape measures foretell robustness? Rank correlations that recipes, not seeds, vouch for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.conditions import KEYS, codes_targets
from lowland.analysis.criteria import cells
from lowland.analysis.predictors import predictors
from lowland.analysis.rank_correlation import (
    MOMENTS,
    Array,
    coefficient,
    interval,
    resampled_clusters,
)
from lowland.analysis.responses import RESPONSES, responses
from lowland.randomness import seed_of
from lowland.vocabulary.families import DISTURBANCES

ENOUGH_RECIPES = 8
SCOPES = ("within precision", "pooled")
COLUMNS = (
    "task",
    "family",
    "condition",
    "target",
    "response",
    "predictor",
    "kind",
    "statistic",
    "scope",
    "value",
    "low",
    "high",
    "num_recipes",
    "num_cells",
    "num_strata",
    "num_not_ok",
    "worst_stratum",
    "worst_value",
    "descriptive",
    "status",
)


def correlations(
    measurements: pd.DataFrame,
    *,
    response_measures: tuple[str, ...] = RESPONSES,
    num_resamples: int = 1000,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Spearman and Kendall of every predictor with every response, task by task.

    Scope ``within precision`` takes the precision as a factor: ranks are formed inside each precision and combined
    over them, so that neither the number of bits nor QAT against PTQ can pose as a relation. (Partialling the bits
    out of the ranks does not do: it fails when both curves are U-shaped.) Scope ``pooled`` ranks all cells together
    and is there for comparison only. Intervals come from resampling recipes with all their seeds and precisions
    (``rank_correlation.interval``), never seeds: seeds of one recipe are no independent evidence about a relation
    across recipes. The worst stratum is the precision that agrees least with the combined value.

    Args:
        measurements: The long table.
        response_measures: See ``responses``.
        num_resamples: Resamples of the recipes.
        confidence: Of the intervals.

    Returns:
        One row per task, family, condition, target, response, predictor, statistic and scope, for pairs that some
        precision has both of (float networks have no codes, so flip curvature never meets flips of float32 words).
        ``num_not_ok`` counts cells that should have entered and lack an ``ok`` number on either side. ``descriptive``
        says that there were fewer than eight recipes: read the number as a description, not as a finding. ``status``
        is ``undefined`` where no correlation exists (bit width within one precision; fewer than three cells).
    """
    predictor_rows = predictors(measurements)
    response_rows = responses(measurements, measures=response_measures)
    parts = []
    for task, index in cells(measurements).groupby("task", sort=False):
        ours = predictor_rows[predictor_rows.task == task]
        theirs = response_rows[response_rows.task == task]
        family = theirs.family.map({name: i for i, name in enumerate(DISTURBANCES)})
        measure = theirs.response.map({name: i for i, name in enumerate(response_measures)})
        words = codes_targets(theirs.target) != theirs.target
        theirs = theirs.assign(f=family, w=words, m=measure).sort_values(["f", "w", "m"], kind="stable")
        if len(theirs):
            study = _Study(str(task), index, num_resamples, confidence)
            parts.append(study.correlate(ours, theirs))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


class _Variables(NamedTuple):
    """Variables of the cells: names, values [names, cells] with NaN where not ok, and where one was expected."""

    names: list[tuple[str, ...]]
    values: Array
    expected: NDArray[np.bool_]


class _Study:
    """The cells of one task, their strata and clusters, and the resamples of its recipes."""

    def __init__(self, task: str, index: pd.DataFrame, num_resamples: int, confidence: float) -> None:
        self.task = task
        self.keys = pd.MultiIndex.from_frame(index[["recipe", "seed", "precision"]])
        self.precision, names = pd.factorize(index.precision)
        self.recipe = pd.factorize(index.recipe)[0]
        self.precisions = list(names)
        self.num_resamples, self.confidence = num_resamples, confidence

    def correlate(self, predictor_rows: pd.DataFrame, response_rows: pd.DataFrame) -> pd.DataFrame:
        xs = self._matrix(predictor_rows, ["predictor", "kind"])
        ys = self._matrix(response_rows, [*KEYS, "response"])
        parts = []
        # Pairs with the same missing cells share one pass through the resamples.
        for some_xs in _by_missing(xs):
            for some_ys in _by_missing(ys):
                if (some_xs.expected[0] & some_ys.expected[0]).any():
                    parts += [self._table(some_xs, some_ys, scope) for scope in SCOPES]
        order = {name: i for i, name in enumerate([*ys.names, *xs.names])}
        frame = pd.concat(parts, ignore_index=True)
        rank = [
            (order[(r.family, r.condition, r.target, r.response)], order[(r.predictor, r.kind)], i)
            for i, r in enumerate(frame[[*KEYS, "response", "predictor", "kind"]].itertuples(index=False))
        ]
        return frame.iloc[[i for *_, i in sorted(rank)]].reset_index(drop=True)[list(COLUMNS)]

    def _matrix(self, rows: pd.DataFrame, names: list[str]) -> _Variables:
        """Every variable of every cell, named by these columns."""
        keys, values, expected = [], [], []
        for key, group in rows.groupby(names, sort=False):
            at = self.keys.get_indexer(pd.MultiIndex.from_frame(group[["recipe", "seed", "precision"]]))
            value, there = np.full(len(self.keys), np.nan), np.zeros(len(self.keys), dtype=bool)
            value[at], there[at] = group.value.where(group.status == "ok"), True
            keys.append(tuple(map(str, key)))
            values.append(value)
            expected.append(there)
        return _Variables(keys, np.array(values), np.array(expected))

    def _table(self, xs: _Variables, ys: _Variables, scope: str) -> pd.DataFrame:
        """All pairs of variables that lack the same cells each."""
        used = np.isfinite(xs.values[0]) & np.isfinite(ys.values[0])
        left_out = int((xs.expected[0] & ys.expected[0] & ~used).sum())
        x_names, y_names, x, y = xs.names, ys.names, xs.values[:, used], ys.values[:, used]
        stratum = self.precision[used] if scope == "within precision" else np.zeros(int(used.sum()), dtype=np.intp)
        strata = np.unique(stratum)
        recipes, cluster = np.unique(self.recipe[used], return_inverse=True)
        shape = (len(x), len(y))
        enough = len(strata) > 0 and used.sum() >= 3
        if enough:
            weights = resampled_clusters(
                len(recipes),
                num_resamples=self.num_resamples,
                seed=seed_of("correlation", self.task, len(recipes)),
            )
        parts = []
        for statistic, moments_of in MOMENTS.items():
            value, low, high, worst_value = (np.full(shape, np.nan) for _ in range(4))
            worst = np.zeros(shape, dtype=int)
            if enough:
                moments = [moments_of(x[:, m], y[:, m], cluster[m], weights) for m in (stratum == s for s in strata)]
                resampled = coefficient(moments)
                value = resampled[0]
                low, high = interval(resampled, num_clusters=len(recipes), confidence=self.confidence)
                each = np.stack([coefficient([m])[0] for m in moments])
                agreement = np.where(np.isfinite(each), each * np.sign(value), np.inf)
                worst = agreement.argmin(0)
                worst_value = np.take_along_axis(each, worst[None], 0)[0]
            worst_name = np.full(shape, "", dtype=object)
            if enough and scope == "within precision":
                worst_name = np.where(np.isfinite(worst_value), np.array(self.precisions)[strata[worst]], "")
            grid = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
            parts.append(
                pd.DataFrame(
                    {
                        "task": self.task,
                        "family": [y_names[j][0] for _, j in grid],
                        "condition": [y_names[j][1] for _, j in grid],
                        "target": [y_names[j][2] for _, j in grid],
                        "response": [y_names[j][3] for _, j in grid],
                        "predictor": [x_names[i][0] for i, _ in grid],
                        "kind": [x_names[i][1] for i, _ in grid],
                        "statistic": statistic,
                        "scope": scope,
                        "value": value.ravel(),
                        "low": low.ravel(),
                        "high": high.ravel(),
                        "num_recipes": len(recipes),
                        "num_cells": int(used.sum()),
                        "num_strata": len(strata),
                        "num_not_ok": left_out,
                        "worst_stratum": worst_name.ravel(),
                        "worst_value": worst_value.ravel() if scope == "within precision" else np.nan,
                        "descriptive": 0 < len(recipes) < ENOUGH_RECIPES,
                        "status": np.where(np.isfinite(value.ravel()), "ok", "undefined"),
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


def _by_missing(variables: _Variables) -> list[_Variables]:
    """The variables grouped by which cells they have a number for, and by which they should have."""
    groups: dict[bytes, list[int]] = {}
    for i, (value, there) in enumerate(zip(variables.values, variables.expected, strict=True)):
        groups.setdefault(np.isfinite(value).tobytes() + there.tobytes(), []).append(i)
    return [
        _Variables([variables.names[i] for i in members], variables.values[members], variables.expected[members])
        for members in groups.values()
    ]
