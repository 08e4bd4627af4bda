"""What predicts: ridge regression, a Gaussian process, gradient boosting, each tuned on held-out families."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Array = NDArray[np.float64]
Labels = NDArray[Any]
ModelName = Literal["ridge", "gaussian_process", "boosting"]
MODELS: tuple[ModelName, ...] = ("ridge", "gaussian_process", "boosting")
INNER_FOLDS = 4


def fitted(name: ModelName, inputs: Array, values: Array, families: Labels) -> BaseEstimator:
    """A fitted model; its hyperparameters are those with the least squared error on held-out families of these rows.

    With a single family nothing can be held out, and the first value of the grid, the most cautious one, is taken.

    Args:
        name: Which.
        inputs: [rows, features].
        values: [rows].
        families: Of every row [rows]: all rows of a family are held out together.

    Returns:
        With ``predict(inputs)``, in the unit of the values.
    """
    from sklearn.model_selection import GridSearchCV, GroupKFold

    estimator, grid = _model(name)
    spread = float(values.std())
    if len(values) < 2 or spread == 0:  # nothing to learn: what is always the same is predicted
        from sklearn.dummy import DummyRegressor

        return DummyRegressor().fit(inputs, values)
    count = len(np.unique(families))
    if count < 2:
        return estimator.set_params(**{key: options[0] for key, options in grid.items()}).fit(inputs, values)
    folds = GroupKFold(min(INNER_FOLDS, count))
    search = GridSearchCV(estimator, grid, cv=folds, scoring="neg_mean_squared_error")
    return search.fit(inputs, values, groups=families).best_estimator_


def _model(name: ModelName) -> tuple[Any, dict[str, list[Any]]]:
    """The estimator and the values that its hyperparameters may have, the most cautious first."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, WhiteKernel
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "ridge":
        inner, grid = Ridge(), {"ridge__alpha": [1000.0, 100.0, 10.0, 1.0, 0.1]}
    elif name == "gaussian_process":
        # Fixed kernels chosen by inner folds: the likelihood of rows of one family would take them for independent.
        kernels = [
            RBF(length, "fixed") + WhiteKernel(noise, "fixed") for length in (10.0, 5.0, 2.5) for noise in (1.0, 0.1)
        ]
        inner, grid = GaussianProcessRegressor(optimizer=None), {"gaussianprocessregressor__kernel": kernels}
    else:
        inner = GradientBoostingRegressor(learning_rate=0.1, subsample=0.7, max_depth=2, random_state=0)
        grid = {"gradientboostingregressor__n_estimators": [20, 80]}
    pipeline = make_pipeline(StandardScaler(), inner)
    whole = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    return whole, {f"regressor__{key}": values for key, values in grid.items()}
