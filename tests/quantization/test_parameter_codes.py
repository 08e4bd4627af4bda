"""Which parameters of a float network are deployed in codes."""

import pytest
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import coded_parameters, fold_batch_norm, freeze
from tests.quantization.convolutions import CASES


def test_only_what_is_stored_in_codes():
    case = CASES["autoencoder"]
    found = coded_parameters(case.network(), "decoder")
    assert list(found) == [f"encoder.{index}.{kind}" for index in (0, 3) for kind in ("weight", "bias")]
    assert [tuple(p.shape) for p in found.values()] == [tuple(p.shape) for p in case.twin(4).stored.values()]
    assert len(coded_parameters(case.network())) == 10
    assert list(coded_parameters(case.network(), "encoder.3")) == ["encoder.0.weight", "encoder.0.bias"]


def test_networks_may_keep_their_layers_in_an_attribute():
    model = nn.Module()
    model.layers = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU(), nn.Linear(2, 1, bias=False))
    assert list(coded_parameters(model)) == ["layers.0.weight", "layers.0.bias", "layers.3.weight"]
    assert list(coded_parameters(model, "3")) == ["layers.0.weight", "layers.0.bias"]
    assert list(coded_parameters(nn.Linear(2, 1))) == ["weight", "bias"]


@pytest.mark.parametrize("name", CASES)
def test_once_folded_they_are_as_many_as_the_codes_of_the_deployed_network(name):
    case = CASES[name]
    found = coded_parameters(fold_batch_norm(case.network()), dict(case.options).get("float_from"))
    codes = freeze(case.twin(4)).codes
    assert sum(p.numel() for p in found.values()) == sum(code.numel() for code in codes.values())


def test_an_unknown_layer_is_refused():
    with pytest.raises(LowlandError, match="float_from is 'decodr'; expected the name of a layer"):
        coded_parameters(nn.Linear(2, 1), "decodr")
