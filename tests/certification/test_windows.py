"""Windows of max-pooling are those of torch."""

import pytest
import torch
from torch import nn

from lowland.certification.windows import window_places

LAYERS = (
    (nn.MaxPool1d(2), (2, 7)),
    (nn.MaxPool1d(3, stride=2, padding=1), (3, 8)),
    (nn.MaxPool1d(2, stride=3, dilation=2, ceil_mode=True), (1, 9)),
    (nn.MaxPool2d(2), (2, 5, 4)),
    (nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0)), (1, 5, 6)),
    (nn.MaxPool2d(3, stride=2, padding=1, dilation=2), (2, 9, 8)),
    (nn.MaxPool2d(2, stride=2, ceil_mode=True), (1, 5, 5)),
)


@pytest.mark.parametrize("layer, shape", LAYERS, ids=repr)
def test_the_largest_of_every_window_is_the_layers_result(layer, shape):
    values = torch.randn(4, *shape, dtype=torch.float64)
    places = window_places(layer, torch.Size(shape))
    taken = values.flatten(1)[:, places.clamp(min=0)].masked_fill(places < 0, -torch.inf)
    assert torch.equal(taken.amax(-1), layer(values).flatten(1))
    assert torch.equal((places >= 0).any(-1), torch.ones(len(places), dtype=torch.bool))
