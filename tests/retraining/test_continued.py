import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from lowland.quantization import Precision, QuantizationOptions, build_calibrated, freeze
from lowland.randomness import generator
from lowland.retraining import Continuation, retrain
from lowland.training import Recipe, TrainingData, TrainingOptions, train
from tests.training.fitting import equal_weights

PLAN = TrainingOptions(epochs=2, batch_size=16, learning_rate=0.01, schedule="constant")
OPTIONS = QuantizationOptions(input_bits=8, calibration_rows=50)


def rows(key, count=60):
    g = generator("rows", key)
    return torch.randn(count, 4, generator=g), torch.randint(3, (count,), generator=g)


DATA = TrainingData(rows("train"), rows("validation"), nn.functional.cross_entropy)


def how(method, bits=4, **recipe):
    options = {"runtime": "torchao"} if method == "dynamic" else {}
    return Continuation(
        Recipe.model_validate({"kind": "plain"} | recipe).root,
        PLAN,
        Precision(method=method, weight_bits=bits, activation_bits=32 if method == "weight_only" else bits, **options),
        OPTIONS,
        PLAN,
    )


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)).eval()


def state(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("method, bits", [("ptq", 4), ("qat", 4), ("dynamic", 8), ("weight_only", 4)])
def test_equal_keys_give_the_same_bytes_and_the_network_stays_as_it_was(method, bits, network):
    before, random = copy.deepcopy(network), torch.random.get_rng_state()
    one, same, other = (
        retrain(network, DATA, rows(added, 20), how(method, bits), key=("a",)) for added in ("added", "added", "else")
    )
    assert equal_weights(network, before) and torch.equal(random, torch.random.get_rng_state())
    assert equal_weights(one.float_network, same.float_network)
    assert not equal_weights(one.float_network, other.float_network)
    codes, again = state(one.deployed), state(same.deployed)
    assert codes.keys() == again.keys() and all(torch.equal(codes[name], again[name]) for name in codes)
    assert not equal_weights(one.float_network, network)


def test_it_is_the_training_loop_on_all_rows_and_the_calibration_on_the_old_ones(network):
    added = rows("added", 20)
    found = retrain(network, DATA, added, how("ptq"), key=("a",))
    both = tuple(torch.cat(pair) for pair in zip(DATA.training, added, strict=True))
    expected = train(
        copy.deepcopy(network),
        replace(DATA, training=both),
        recipe=how("ptq").recipe,
        options=PLAN,
        key=("a", "training"),
    )
    assert equal_weights(found.float_network, expected.network)
    codes = state(freeze(build_calibrated(expected.network, how("ptq").precision, OPTIONS, DATA.training[0])))
    assert all(torch.equal(codes[name], tensor) for name, tensor in state(found.deployed).items())


def test_fine_tuning_with_quantizers_sees_the_added_rows(network):
    found = retrain(network, DATA, rows("added", 20), how("qat"), key=("a",))
    only_calibrated = build_calibrated(found.float_network, how("qat").precision, OPTIONS, DATA.training[0])
    apart = (state(found.deployed), state(freeze(only_calibrated)))
    assert any(not torch.equal(apart[0][name], apart[1][name]) for name in apart[0])


def test_what_is_fine_tuned_without_quantizers_is_so_again_on_all_rows(network):
    added = rows("added", 20)
    control = replace(how("ptq"), precision=how("ptq").precision.model_copy(update={"fine_tuned": True}))
    plain, found = (retrain(network, DATA, added, each, key=("a",)) for each in (how("ptq"), control))
    assert equal_weights(found.float_network, plain.float_network)  # which it is compared with, as it was before
    both = tuple(torch.cat(pair) for pair in zip(DATA.training, added, strict=True))
    tuned = train(
        copy.deepcopy(found.float_network),
        replace(DATA, training=both),
        recipe=control.recipe,
        options=PLAN,
        key=("a", "fine-tuning"),
    )
    codes = state(freeze(build_calibrated(tuned.network, control.precision, OPTIONS, DATA.training[0])))
    assert all(torch.equal(codes[name], tensor) for name, tensor in state(found.deployed).items())
    assert any(not torch.equal(codes[name], tensor) for name, tensor in state(plain.deployed).items())
    wild = TrainingOptions(epochs=3, batch_size=16, learning_rate=1e30, schedule="constant")
    lost = retrain(network, DATA, added, replace(control, fine_tuning=wild), key=("a",))
    assert (lost.deployed, lost.status) == (None, "non_finite")


@pytest.mark.parametrize("where", ["training", "fine_tuning"])
def test_a_divergence_is_a_status(where, network):
    wild = TrainingOptions(epochs=3, batch_size=16, learning_rate=1e30, schedule="constant")
    found = retrain(network, DATA, rows("added", 20), replace(how("qat"), **{where: wild}), key=("a",))
    assert (found.deployed, found.status) == (None, "non_finite")
