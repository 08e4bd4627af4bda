"""Which parameters of a float network are deployed in codes."""

import pytest
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import coded_parameters, fold_batch_norm, freeze
from lowland.quantization.parameter_codes import stored_weights
from tests.quantization.convolutions import CASES
from tests.quantization.recurrent import CASES as RECURRENT


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


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers_and_embeddings_store_theirs(name):
    network, frozen = RECURRENT[name].network(), RECURRENT[name].integer(4)
    found = coded_parameters(network)
    assert set(found) == {key for key, _ in network.named_parameters()}
    words = {key: codes.numel() for key, codes in frozen.codes.items() if not key.endswith("table")}
    assert sorted(p.numel() for p in found.values()) == sorted(words.values())
    weights = {id(weight) for weight in stored_weights(network)}
    assert weights == {id(p) for key, p in found.items() if "weight" in key}
    quantized = RECURRENT[name].quantized(4)
    stored = {id(weight) for weight in stored_weights(quantized)}
    assert stored == {id(p) for key, p in quantized.stored.items() if key.endswith("weight")}
