import copy
import math
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.training.loop import TrainingData, train
from lowland.training.options import Length, TrainingOptions
from lowland.training.recipe_base import RecipeBase
from tests.training.fitting import LOSS, OPTIONS, data, equal_weights, fit, network


def test_training_lowers_the_loss_and_reports_every_epoch():
    result = fit(network())
    assert result.status == "ok" and not result.network.training
    assert result.curves["validation_loss"].iloc[-1] < result.curves["validation_loss"].iloc[0]
    assert result.curves["epoch"].tolist() == [1, 2, 3, 4]


def test_equal_keys_train_equal_networks_whatever_the_global_generator():
    torch.manual_seed(1)
    first = fit(network())
    torch.manual_seed(2)
    second, other = fit(network()), fit(network(), key=("toy", 1))
    assert equal_weights(first.network, second.network)
    assert not torch.equal(first.network[0].weight, other.network[0].weight)


def test_recipes_see_the_same_batches():
    batches = []

    def spy(outputs, targets):
        batches[-1].append(targets.clone())
        return LOSS(outputs, targets)

    for recipe in ({"kind": "plain"}, {"kind": "jacobian", "weight": 0.1}):
        batches.append([])
        fit(network(), loss=spy, **recipe)
    assert all(torch.equal(a, b) for a, b in zip(*batches, strict=True))


def test_best_epoch_on_validation_is_kept():
    model = network()
    result = fit(model, options=OPTIONS.model_copy(update={"epochs": 30, "learning_rate": 0.5}))
    inputs, targets = data(seed=1)
    with torch.no_grad():
        kept = float(LOSS(result.network(inputs), targets))
    assert kept == pytest.approx(result.curves["validation_loss"].min(), rel=1e-5)


def test_cosine_schedule_ends_at_rest():
    """With a vanishing final rate the last epoch moves the weights least."""
    options = TrainingOptions(epochs=6, batch_size=64, learning_rate=0.05, schedule="cosine")
    model, rows = network(), data()
    weights = [model[0].weight.data.clone()]

    class Watching(RecipeBase):
        def after_step(self, network, *, float_from=None):
            weights.append(network[0].weight.data.clone())

    train(model, TrainingData(rows, rows, LOSS), recipe=Watching(), options=options, key=("toy",))
    steps = [float((after - before).norm()) for before, after in pairwise(weights)]
    assert len(steps) == 6 and steps[-1] < 0.2 * steps[0]


def test_step_schedule_is_that_of_torch():
    options = TrainingOptions(epochs=7, batch_size=4, learning_rate=0.01, schedule="step", every=2, factor=0.5)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    expected = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    for epoch in range(7):
        assert {options.rate(3 * epoch + batch, Length(7, 4, 3)) for batch in range(3)} == set(expected.get_last_lr())
        optimizer.step()
        expected.step()


def test_a_vanishing_factor_ends_training_after_its_first_step():
    once = OPTIONS.model_copy(update={"epochs": 2})
    options = TrainingOptions(epochs=4, batch_size=16, learning_rate=0.01, schedule="step", every=2, factor=1e-12)
    assert all(
        torch.allclose(a, b, atol=1e-9)
        for a, b in zip(
            fit(network(), options=once).network.parameters(),
            fit(network(), options=options).network.parameters(),
            strict=True,
        )
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"schedule": "step", "every": 15}, "factor is missing with schedule step; expected every"),
        ({"schedule": "step", "factor": 0.5}, "every is missing with schedule step"),
        ({"schedule": "cosine", "factor": 0.5}, "factor is 0.5 with schedule cosine; expected none"),
        ({"schedule": "constant", "every": 3}, "every is 3 with schedule constant"),
        ({"schedule": "step", "every": 0, "factor": 0.5}, "every"),
        ({"schedule": "step", "every": 1, "factor": 1.5}, "factor"),
    ],
)
def test_steps_are_told_where_there_are_steps(options, message):
    with pytest.raises(ValidationError, match=message):
        TrainingOptions(epochs=1, batch_size=1, learning_rate=0.1, **options)


def test_divergence_is_a_status_and_ends_training():
    inputs, targets = data()
    result = fit(network(), training=(inputs * math.inf, targets))
    assert result.status == "non_finite" and len(result.curves) == 1
    assert all(p.isfinite().all() for p in result.network.parameters())


def test_weight_decay_shrinks_weights_not_biases():
    flat = lambda outputs, targets: outputs.sum() * 0.0  # noqa: E731  # no gradient but the decay's own
    model = network()
    before = copy.deepcopy(model.state_dict())
    fit(model, loss=flat, kind="weight_decay", weight=0.5, options=OPTIONS.model_copy(update={"epochs": 2}))
    # validation loss never improves after the first epoch, so its weights are kept: 4 steps of 1 - lr * 0.5
    assert torch.allclose(model[0].weight, before["0.weight"] * (1 - 0.01 * 0.5) ** 4)
    assert torch.equal(model[0].bias, before["0.bias"])
