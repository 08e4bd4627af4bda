"""A number from the columns of a user's table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.errors import LowlandError
from lowland.tasks import table_checks as checks
from lowland.tasks.preprocessing import Number
from lowland.tasks.scale import mean_and_spread
from lowland.tasks.table.features import wrong_cell
from lowland.tasks.table.source import numbers_of
from lowland.tasks.table.task import Table


class TableRegression(Table):
    """A number from columns, with squared error of the standardised target and absolute error in its own units.

    Targets are [rows, 3]: the standardised value, the standard deviation and the range of the training rows in the
    target's units; so rows of any set are scored without knowing the training set. They are float64: float32 would make
    errors of 1e-47 zero and those of 1e39 infinite, whatever the unit means. No error counts more than the
    range: an output that is no number counts as that.
    """

    score_name = "absolute_error"
    is_classifier = False

    @property
    def _asked(self) -> str:
        return f"{self.options.target} (a number)"

    def _target(self, frame: pd.DataFrame) -> pd.Series:
        name = self.options.target
        numbers = numbers_of(frame[name], self.options.missing_codes, decimal=self.options.decimal)
        if numbers is None:
            raise LowlandError(
                f"{self.options.path}: target {name!r} holds text or dates: "
                f"{wrong_cell(frame[name], self._written)}; or name classes"
            )
        numbers = numbers.where(np.isfinite(numbers))
        if self.options.missing == "refuse" and numbers.isna().any():
            raise LowlandError(
                f"{self.options.path}: target {name!r} is missing in {numbers.isna().sum()} rows; fill them, or set "
                "missing: drop or mean, which leave these rows out"
            )
        return numbers

    def _check_target(self, features: pd.DataFrame, target: pd.Series, origin: str) -> None:
        if target.nunique() < 2:
            raise LowlandError(f"{origin}: target {target.name!r} is constant; expected a number that varies")
        checks.check_range(target.to_numpy(np.float64), f"target {target.name!r}", origin=origin)
        checks.check_copies(features, target, target_values=None, origin=origin)

    def _labels(self, raw: pd.DataFrame) -> NDArray[np.int64]:
        return np.zeros(len(raw), np.int64)

    def _targets(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> NDArray[np.float64]:
        values, target = raw[self.options.target].to_numpy(np.float64), self._target_record(raw, train)
        constants = np.broadcast_to([target.scale, np.ptp(values[train])], (len(values), 2))
        return np.hstack([((values - target.mean) / target.scale)[:, None], constants])

    def _target_record(self, raw: pd.DataFrame, train: NDArray[np.int64]) -> Number:
        mean, spread = mean_and_spread(raw[self.options.target].to_numpy(np.float64)[train])
        return Number(name=self.options.target, mean=float(mean), scale=float(spread) or 1.0)

    @property
    def num_outputs(self) -> int:
        """The standardised number."""
        return 1

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error in training variances."""
        return self.sample_losses(outputs, targets).mean()

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Squared error of every row in training variances."""
        kind = torch.promote_types(outputs.dtype, torch.float32)  # float64 is for scores: training stays in float32
        return (outputs[:, 0] - targets[:, 0].to(kind)).square()

    def sample_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Absolute error in the target's units, at most the range of the training rows."""
        error = (outputs[:, 0].double() - targets[:, 0].double()).abs() * targets[:, 1]
        return error.nan_to_num(nan=torch.inf).minimum(targets[:, 2])

    def guess_score(self, targets: Tensor) -> float:
        """Mean absolute error of always predicting the median."""
        return float(self.sample_scores(targets[:, :1].median().expand(len(targets), 1), targets).mean())

    def guess_outputs(self, training: Tensor, count: int) -> Tensor:
        """The median."""
        return training[:, :1].median().expand(count, 1)

    def plain_targets(self, targets: Tensor) -> Tensor | None:
        """The standardised number."""
        return targets[:, 0]

    def decisions(self, outputs: Tensor) -> Tensor:
        """The number in steps of ``decision_step``."""
        limit = torch.iinfo(torch.int32).max
        steps = (outputs[:, 0] / self.options.decision_step).nan_to_num(nan=limit).clamp(-limit, limit)
        return steps.double().round().long()
