"""The loop trains on what a recipe makes of batch, loss and weights."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn

from lowland.perturbation import FeatureRanges
from lowland.training.loop import TrainingData, train
from lowland.training.recipe_base import Iterates, RecipeBase
from tests.training.fitting import LOSS, OPTIONS, data, equal_weights, network


def trained(recipe, model=None):
    rows = data()
    return train(model or network(), TrainingData(rows, rows, LOSS), recipe=recipe, options=OPTIONS, key=("toy",))


class Doubled(RecipeBase):
    """Every batch twice, with a loss of its own."""

    @property
    def disturbs_inputs(self):
        return True

    def disturbed(self, batch, network, ranges, generator):
        inputs, targets = (torch.cat([tensor, tensor]) for tensor in (batch.inputs, batch.targets))
        return batch._replace(inputs=inputs, targets=targets, loss=lambda outputs, targets: 2 * LOSS(outputs, targets))


def test_a_batch_is_what_the_recipe_makes_of_it():
    plain, doubled = trained(RecipeBase()), trained(Doubled())
    ratio = doubled.curves.training_loss / plain.curves.training_loss
    assert ratio.tolist() == pytest.approx([2.0] * 4, rel=1e-2)  # Adam does not see the factor
    assert not torch.equal(plain.network[0].weight, network()[0].weight)


def test_the_rows_stay_as_they_are():
    rows, before = data(), data()
    train(nn.Linear(3, 2), TrainingData(rows, rows, LOSS), recipe=Doubled(), options=OPTIONS, key=("toy",))
    assert all(torch.equal(left, given) for left, given in zip(rows, before, strict=True))


def test_what_does_not_disturb_is_not_asked():
    class Refusing(RecipeBase):
        def disturbed(self, batch, network, ranges, generator):
            raise AssertionError("asked")

    rows = data()
    given = TrainingData(rows, rows, LOSS, FeatureRanges.of(rows[0]))
    assert train(network(), given, recipe=Refusing(), options=OPTIONS, key=("toy",)).status == "ok"


def test_another_loss_is_minimised_and_the_task_s_validated():
    class Shifted(RecipeBase):
        def loss(self, loss):
            return lambda outputs, targets: loss(outputs, targets) + 5

    plain, shifted = trained(RecipeBase()), trained(Shifted())
    assert equal_weights(plain.network, shifted.network)
    assert plain.curves.validation_loss.equals(shifted.curves.validation_loss)
    assert (shifted.curves.training_loss - plain.curves.training_loss).tolist() == pytest.approx([5.0] * 4, rel=1e-5)


def test_other_iterates_are_kept_and_training_goes_on_from_its_own():
    """Kept here: the initial weights, which the epoch with the lowest loss would never be."""

    class Initial(Iterates):
        def __init__(self):
            self.steps = 0

        def add(self, network):
            self.steps += 1

        @contextmanager
        def kept(self, model, inputs, batches):
            assert model.training and len(inputs) == 64 and [len(batch) for batch in batches] == [16] * 4
            own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            model.load_state_dict(network().state_dict())
            yield
            model.load_state_dict(own)

    kept = Initial()

    class Keeping(RecipeBase):
        def iterates(self):
            return kept

    plain, found = trained(RecipeBase()), trained(Keeping())
    assert kept.steps == 16 and equal_weights(found.network, network())
    assert plain.curves.training_loss.equals(found.curves.training_loss)
    assert found.curves.validation_loss.nunique() == 1
