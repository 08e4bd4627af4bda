"""A training that stops early is the beginning of the whole one."""

import pandas as pd
import torch
from torch import nn

from lowland.training import TrainingData, TrainingOptions, train
from lowland.training.recipe_base import RecipeBase


def trained(share):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 3, generator=generator)
    data = TrainingData((inputs, inputs[:, :1]), (inputs, inputs[:, :1]), nn.functional.mse_loss)
    options = TrainingOptions(epochs=10, batch_size=8, learning_rate=0.01, schedule="cosine")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Linear(3, 1)
    return train(network, data, recipe=RecipeBase(), options=options, key=("made", 0), epochs_share=share)


def test_its_curves_are_the_first_rows_of_the_whole_and_there_is_one_epoch_at_least():
    whole = trained(1.0).curves
    assert len(whole) == 10
    for share, epochs in ((0.01, 1), (0.25, 3), (0.5, 5)):
        pd.testing.assert_frame_equal(trained(share).curves, whole.head(epochs))
