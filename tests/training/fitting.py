"""A toy task and one short training of it, for the tests of recipes."""

from __future__ import annotations

import torch
from torch import nn

from lowland.training.loop import TrainingData, train
from lowland.training.options import TrainingOptions
from lowland.training.recipes.recipe import Recipe

OPTIONS = TrainingOptions(epochs=4, batch_size=16, learning_rate=0.01, schedule="constant")
LOSS = nn.functional.cross_entropy
RECIPES = {
    "plain": {"kind": "plain"},
    "weight_decay": {"kind": "weight_decay", "weight": 0.1},
    "jacobian": {"kind": "jacobian", "weight": 0.1, "num_projections": 2},
    "orthogonal": {"kind": "orthogonal", "weight": 0.01},
    "clipping": {"kind": "clipping", "limit": 0.1},
    "noise": {"kind": "noise", "noise": "gaussian", "level": 30},
    "salt_and_pepper": {"kind": "noise", "noise": "salt_and_pepper", "level": 30},
    "sam": {"kind": "sam", "rho": 0.1},
    "asam": {"kind": "sam", "rho": 0.5, "adaptive": True},
    "bit_errors": {"kind": "bit_errors", "rate": 0.02, "bits": 6},
    "clipped_bit_errors": {"kind": "bit_errors", "rate": 0.02, "bits": 6, "limit": 0.1},
    "adversarial": {"kind": "adversarial", "radius": 0.3, "num_steps": 2},
    "adversarial_l2": {"kind": "adversarial", "radius": 0.3, "norm": "l2", "num_steps": 1, "random_start": False},
    "mixup": {"kind": "mixup", "alpha": 0.4},
    "label_smoothing": {"kind": "label_smoothing", "smoothing": 0.1},
    "ema": {"kind": "ema", "decay": 0.9},
    "distilled_robust": {"kind": "distilled_robust", "weight": 1.0},
}


def data(count=64, seed=0):
    source = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 3, generator=source)
    return inputs, (inputs.sum(dim=1) > 0).long()


def network():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))


def recipe(**options):
    return Recipe.model_validate(options).root


def of_samples(loss):
    """The loss of every sample, from what is a mean over samples."""
    return lambda outputs, targets: torch.stack(
        [loss(outputs[row : row + 1], targets[row : row + 1]) for row in range(len(outputs))]
    )


def fit(model, *, options=OPTIONS, key=("toy", 0), training=None, validation=None, loss=LOSS, settings=None, **chosen):
    return train(
        model,
        TrainingData(
            training or data(),
            validation or data(seed=1),
            loss,
            **({"sample_losses": of_samples(loss)} | (settings or {})),
        ),
        recipe=recipe(**(chosen or {"kind": "plain"})),
        options=options,
        key=key,
    )


def equal_weights(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
