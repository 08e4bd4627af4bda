from __future__ import annotations

from collections import OrderedDict

import pytest
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization.graph.chain import chain
from tests.quantization.convolutions import CASES


def test_nested_layers_get_flat_names() -> None:
    found = chain(nn.Sequential(OrderedDict(encoder=CASES["autoencoder"].network().encoder[:4])))
    assert list(found.layers) == [f"encoder_{index}" for index in range(4)] and found.island is None


def test_what_stays_float_is_cut_off() -> None:
    network = CASES["autoencoder"].network()
    found = chain(network, float_from="decoder")
    assert list(found.layers) == [f"encoder_{index}" for index in range(5)]
    assert found.island is not None
    name, island = found.island
    assert name == "decoder"
    assert [*island] == [*network.decoder]
    found = chain(network, float_from="decoder.5")
    assert len(found.layers) == 10 and found.island is not None
    name, island = found.island
    assert name == "decoder_5" and list(dict(island.named_children())) == ["decoder_5", "decoder_6"]


def test_batch_norm_is_folded_and_what_does_nothing_left_out() -> None:
    network = nn.Sequential(nn.Identity(), nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)).eval()
    assert list(chain(network).layers) == ["1", "3", "4"]


def test_one_object_may_stand_in_several_places_unless_it_has_weights() -> None:
    relu, linear = nn.ReLU(), nn.Linear(2, 2)
    network = nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu, linear)
    assert list(chain(network).layers) == ["0", "1", "2", "3", "4"]
    with pytest.raises(LowlandError, match="layer 2 of the network occurs twice; expected layers with weights of"):
        chain(nn.Sequential(linear, relu, linear))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), "layer 1 of the network is Linear; expected ReLU"),
        (nn.Sequential(nn.ReLU()), "layer 0 of the network is ReLU; expected Linear .*Conv1d, Conv2d, ConvTranspose2d"),
        (nn.Sequential(nn.Flatten()), "has 1 layers; expected Linear and ReLU in turn, Linear last"),
        (nn.Sequential(nn.Conv2d(1, 1, 2), nn.AdaptiveAvgPool2d(1)), "is AdaptiveAvgPool2d; .* and AvgPool2d|Flatten"),
        (nn.Sequential(nn.MaxPool2d(2, return_indices=True)), "returns indices; expected return_indices=False"),
        (nn.Sequential(nn.AvgPool2d(2, ceil_mode=True)), "divides by changing numbers; expected ceil_mode=False"),
        (nn.Sequential(nn.AvgPool2d(2, divisor_override=3)), "divides by changing numbers"),
        (nn.Sequential(nn.AvgPool2d(2, padding=(0, 1), count_include_pad=False)), "expected .*count_include_pad=True"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "batch-norm '1' is in training mode"),
        (
            nn.Sequential(OrderedDict([("a", nn.Sequential(nn.Linear(2, 2))), ("a_0", nn.ReLU())])),
            r"layers a\.0, a_0 have equal names once dots are underscores",
        ),
    ],
)
def test_other_structures_are_refused(network: nn.Module, message: str) -> None:
    with pytest.raises(LowlandError, match=message):
        chain(network)


def test_a_float_part_that_does_not_exist_is_refused() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with pytest.raises(LowlandError, match="float_from is 'decoder'; expected the name of a layer: 0, 1, 2"):
        chain(network, float_from="decoder")
    with pytest.raises(LowlandError, match=r"has 0 layers; .*at least one layer before it"):
        chain(network, float_from="0")
