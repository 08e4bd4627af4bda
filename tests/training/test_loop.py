import copy
import math

import pytest
import torch
from torch import nn

from lowland.training.loop import TrainingOptions, train
from lowland.training.recipes import Recipe

OPTIONS = TrainingOptions(epochs=4, batch_size=16, learning_rate=0.01, schedule="constant")
LOSS = nn.functional.cross_entropy


def data(count=64, seed=0):
    source = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 3, generator=source)
    return inputs, (inputs.sum(dim=1) > 0).long()


def network():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))


def fit(model, *, options=OPTIONS, key=("toy", 0), training=None, on_epoch=None, loss=LOSS, **recipe):
    chosen = Recipe.model_validate(recipe or {"kind": "plain"}).root
    return train(
        model, training or data(), data(seed=1), loss=loss, recipe=chosen, options=options, key=key, on_epoch=on_epoch
    )


def test_training_lowers_the_loss_and_reports_every_epoch():
    seen = []
    result = fit(network(), on_epoch=lambda epoch, row: seen.append((epoch, row["validation_loss"])))
    assert result.status == "ok" and not result.network.training
    assert result.curves["validation_loss"].iloc[-1] < result.curves["validation_loss"].iloc[0]
    assert seen == list(zip(range(1, 5), result.curves["validation_loss"], strict=True))


def test_equal_keys_train_equal_networks_whatever_the_global_generator():
    torch.manual_seed(1)
    first = fit(network())
    torch.manual_seed(2)
    second, other = fit(network()), fit(network(), key=("toy", 1))
    same = [torch.equal(a, b) for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True)]
    assert all(same)
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
    options = TrainingOptions(epochs=6, batch_size=16, learning_rate=0.05, schedule="cosine")
    model, moves, before = network(), [], []
    before.append(copy.deepcopy(model[0].weight.data))

    def note(epoch, row):
        moves.append(float((model[0].weight.data - before[-1]).norm()))
        before.append(model[0].weight.data.clone())

    fit(model, options=options, on_epoch=note)
    assert moves[-1] < 0.2 * moves[0]


def test_divergence_is_a_status_and_ends_training():
    inputs, targets = data()
    result = fit(network(), training=(inputs * math.inf, targets))
    assert result.status == "non_finite" and len(result.curves) == 1
    assert all(p.isfinite().all() for p in result.network.parameters())


@pytest.mark.parametrize(
    "recipe",
    [
        {"kind": "weight_decay", "weight": 0.1},
        {"kind": "jacobian", "weight": 0.1, "num_projections": 2},
        {"kind": "orthogonal", "weight": 0.01},
        {"kind": "clipping", "limit": 0.1},
    ],
)
def test_every_recipe_changes_training_and_leaves_no_gradients(recipe):
    plain, other = fit(network()), fit(network(), **recipe)
    assert not torch.equal(plain.network[0].weight, other.network[0].weight)
    assert all(p.grad is None for p in other.network.parameters())
    if recipe["kind"] == "clipping":
        assert all(layer.weight.detach().abs().max() <= 0.1 for layer in (other.network[0], other.network[2]))


def test_weight_decay_shrinks_weights_not_biases():
    flat = lambda outputs, targets: outputs.sum() * 0.0  # noqa: E731  # no gradient but the decay's own
    model = network()
    before = copy.deepcopy(model.state_dict())
    fit(model, loss=flat, kind="weight_decay", weight=0.5, options=OPTIONS.model_copy(update={"epochs": 2}))
    # validation loss never improves after the first epoch, so its weights are kept: 4 steps of 1 - lr * 0.5
    assert torch.allclose(model[0].weight, before["0.weight"] * (1 - 0.01 * 0.5) ** 4)
    assert torch.equal(model[0].bias, before["0.bias"])
