"""What a network is compared with: the guess, and simple models of another library on the same samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.tasks.evaluation import evaluate_guess
from lowland.tasks.splits import Samples, Splits
from lowland.tasks.task import Task

MOST_ROWS = 10_000
"""Training samples that models are fitted to, the first ones: so many take seconds."""
MOST_STEPS = 1000

LABELS = {
    "guess": "the best answer that does not look at the inputs",
    "boosting": "gradient-boosted trees (scikit-learn)",
    "linear": "a linear model (scikit-learn)",
}


def references(task: Task, splits: Splits) -> pd.DataFrame:
    """Scores on the test samples of what takes no network, as a table.

    Boosting has scikit-learn's defaults. Of numbers it minimises the absolute error, which is their score, and the
    linear model is ridge regression, which minimises the squared one; of classes both minimise the cross-entropy.

    Args:
        task: All have a guess; those with flat features and a class or a number as target have the models too.
        splits: Models are fitted to (at most 10,000) training samples.

    Returns:
        Columns ``name``, ``label``, ``score``, ``standard_error`` (over samples) and ``num_samples``.
    """
    scores = {"guess": evaluate_guess(task, splits["train"], splits["test"]).scores}
    samples = splits["train"].head(MOST_ROWS)
    known = task.plain_targets(samples.targets) if samples.inputs.ndim == 2 else None
    if known is not None:
        for name, fit in (("boosting", _boosting), ("linear", _linear)):
            outputs = _outputs(fit, Samples(samples.inputs, known), splits["test"].inputs, task)
            scores[name] = task.sample_scores(outputs, splits["test"].targets)
    found = {name: Estimate.from_samples(values) for name, values in scores.items()}
    return pd.DataFrame(
        {
            "name": list(found),
            "label": [LABELS[name] for name in found],
            "score": [estimate.value for estimate in found.values()],
            "standard_error": [estimate.standard_error for estimate in found.values()],
            "num_samples": [estimate.num_samples for estimate in found.values()],
        }
    )


def _outputs(fit: Callable[[Samples, bool], Any], samples: Samples, inputs: Tensor, task: Task) -> Tensor:
    """Outputs of a network that predicts like a fitted model."""
    from threadpoolctl import threadpool_limits

    classes = not samples.targets.is_floating_point()
    if classes and len(seen := samples.targets.unique()) == 1:  # others are so rare that there is nothing to fit
        return torch.nn.functional.one_hot(seen, task.num_outputs).float().expand(len(inputs), -1)
    with threadpool_limits(1):  # equal bytes however many threads there are, and workers do not fight for cores
        model = fit(samples, classes)
        if not classes:
            return torch.from_numpy(model.predict(inputs.numpy())).float()[:, None]
        outputs = torch.zeros(len(inputs), task.num_outputs)  # a class that no training sample has is never named
        outputs[:, model.classes_] = torch.from_numpy(model.predict_proba(inputs.numpy())).float()
    return outputs


def _boosting(samples: Samples, classes: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # takes a second

    if classes:
        model = HistGradientBoostingClassifier(random_state=0)
    else:
        model = HistGradientBoostingRegressor(loss="absolute_error", random_state=0)
    return model.fit(samples.inputs.numpy(), samples.targets.numpy())


def _linear(samples: Samples, classes: bool) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    model = LogisticRegression(max_iter=MOST_STEPS) if classes else Ridge()
    return model.fit(samples.inputs.numpy(), samples.targets.numpy())
