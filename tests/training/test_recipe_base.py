"""The loop trains on what a recipe makes of each batch, which sees inputs, targets, network and loss."""

import pytest
import torch
from torch import nn

from lowland.perturbation import FeatureRanges
from lowland.training.loop import TrainingData, train
from lowland.training.recipe_base import Batch, RecipeBase
from tests.training.fitting import LOSS, OPTIONS, data, network


class Adversarial(RecipeBase):
    """One signed gradient step on the inputs."""

    step: float = 0.5

    @property
    def disturbs_inputs(self):
        return True

    def disturbed(self, batch, network, ranges, generator):
        inputs = batch.inputs.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(batch.loss(network(inputs), batch.targets), inputs)
        return batch._replace(inputs=(inputs + self.step * slope.sign()).detach())


class Mixed(RecipeBase):
    """Mixup with equal shares: each row's loss is about both of its parts."""

    @property
    def disturbs_inputs(self):
        return True

    def disturbed(self, batch, network, ranges, generator):
        order = torch.randperm(len(batch.inputs), generator=generator)

        def loss(outputs, targets):
            return (batch.loss(outputs, targets) + batch.loss(outputs, targets[order])) / 2

        return batch._replace(inputs=(batch.inputs + batch.inputs[order]) / 2, loss=loss)


def trained(recipe):
    rows = data()
    return train(network(), TrainingData(rows, rows, LOSS), recipe=recipe, options=OPTIONS, key=("toy",)), rows


def fooled(model, rows):
    """The loss on what ``Adversarial`` makes of the rows."""
    batch = Batch(*rows, LOSS)
    worse = Adversarial().disturbed(batch, model, FeatureRanges.of(rows[0]), torch.Generator())
    return float(LOSS(model(worse.inputs), worse.targets).detach())


def test_adversarial_training_withstands_what_it_was_trained_on():
    (plain, rows), (hardened, _) = trained(RecipeBase()), trained(Adversarial())
    assert fooled(hardened.network, rows) < fooled(plain.network, rows)
    assert hardened.curves.training_loss.iloc[-1] > plain.curves.training_loss.iloc[-1]


def test_a_mixed_batch_brings_its_own_loss():
    (plain, _), (mixed, _) = trained(RecipeBase()), trained(Mixed())
    assert mixed.status == "ok"
    assert mixed.curves.training_loss.iloc[-1] > plain.curves.training_loss.iloc[-1]
    assert mixed.curves.training_loss.iloc[-1] < mixed.curves.training_loss.iloc[0]


@pytest.mark.parametrize("recipe", [Adversarial(), Mixed()])
def test_the_rows_stay_as_they_are(recipe):
    rows, before = data(), data()
    train(nn.Linear(3, 2), TrainingData(rows, rows, LOSS), recipe=recipe, options=OPTIONS, key=("toy",))
    assert all(torch.equal(left, given) for left, given in zip(rows, before, strict=True))


def test_what_does_not_disturb_is_not_asked():
    class Refusing(RecipeBase):
        def disturbed(self, batch, network, ranges, generator):
            raise AssertionError("asked")

    rows = data()
    given = TrainingData(rows, rows, LOSS, FeatureRanges.of(rows[0]))
    assert train(network(), given, recipe=Refusing(), options=OPTIONS, key=("toy",)).status == "ok"
