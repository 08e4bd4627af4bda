"""Networks of image tasks on every test digit: trained, quantized, frozen, disturbed."""

import copy
from functools import cache

import pytest
import torch

from lowland.architectures import initialised_network
from lowland.faults import Flips, apply_flips, draw_flips, flip_sensitivity
from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.tasks import TaskOptions, build_task
from lowland.training.loop import TrainingData, train
from lowland.training.options import TrainingOptions
from lowland.training.recipes.recipe import Recipe

SIZES = {"train_rows": 1000, "validation_rows": 200, "landscape_rows": 197, "test_rows": 400}
PLAIN = Recipe.model_validate({"kind": "plain"}).root
NETWORKS = ["lenet1", "lenet5", "resnet8"]


@cache
def digits(network):
    options = {"kind": "images", "source": "digits", "shift": "none", "network": network, "width": 4}
    task = build_task(TaskOptions.model_validate(options | SIZES))
    return task, task.prepare(task.fetch())


def fitted(network, kind, *, epochs, rate):
    task, splits = digits(kind)
    data = TrainingData(splits["train"], splits["validation"], task.loss)
    options = TrainingOptions(epochs=epochs, batch_size=50, learning_rate=rate, schedule="constant")
    trained = train(network, data, recipe=PLAIN, options=options, key=("digits", kind))
    assert trained.status == "ok"
    return trained.network


@cache
def floating(kind):
    return fitted(initialised_network(digits(kind)[0].network_spec(), key=("digits", 0)), kind, epochs=8, rate=5e-3)


def _example(kind):
    return digits(kind)[1]["train"].inputs[:2]


@cache
def quantized(kind, method, bits):
    precision = Precision(method=method, weight_bits=bits, activation_bits=bits)
    twin = build_quantized(
        copy.deepcopy(floating(kind)), precision, input_bits=8, input_signed=False, example=_example(kind)
    )
    calibrate(twin, digits(kind)[1]["train"].inputs[:300])
    return fitted(twin, kind, epochs=2, rate=1e-3) if method == "qat" else twin.eval()


@torch.no_grad()
def accuracy(network, kind):
    task, splits = digits(kind)
    inputs, targets = splits.held_out.samples
    return float(task.sample_scores(network(inputs), targets).mean())


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("method", ["qat", "ptq"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_deployed_network_is_the_one_that_was_trained(kind, method, bits):
    inputs = digits(kind)[1].held_out.samples.inputs
    twin = quantized(kind, method, bits)
    network = freeze(twin)
    check = deployment_check(twin, network, inputs)
    with torch.no_grad():
        spread = float(twin(inputs).std())
    assert check.largest_difference <= 1e-5 * spread and check.decisions_changed == 0
    assert check.integer_samples <= 1e-3 and check.integer_codes <= 1
    assert accuracy(floating(kind), kind) > 0.9
    lost = accuracy(floating(kind), kind) - accuracy(network, kind)
    assert lost < {("qat", 8): 0.02, ("ptq", 8): 0.02, ("qat", 4): 0.05, ("ptq", 4): 0.3}[method, bits]


@pytest.mark.parametrize("kind", NETWORKS)
def test_flips_hit_what_is_stored(kind):
    network = freeze(quantized(kind, "ptq", 4))
    draw = draw_flips(network, key=("digits", 0))
    few, many = (accuracy(apply_flips(network, draw.below(rate)), kind) for rate in (1e-4, 0.2))
    clean = accuracy(network, kind)
    assert clean - 0.1 < few and many < clean - 0.2


@pytest.mark.parametrize("kind", ["lenet1"])
def test_the_map_of_single_flips_equals_flipping_one_by_one(kind):
    task, splits = digits(kind)
    network, samples = freeze(quantized(kind, "ptq", 4)), splits["landscape"].head(20)
    found = flip_sensitivity(network, task.sample_losses, [samples])
    draws = torch.Generator().manual_seed(0)
    for name, codes in network.codes.items():
        for element in torch.randperm(codes.numel(), generator=draws)[:10].tolist():
            bit = int(torch.randint(network.bits[name], (), generator=draws))
            flipped = apply_flips(network, Flips({name: (torch.tensor([element]), torch.tensor([bit]))}))
            outputs = flipped.scaled(flipped.forward_integer(samples.inputs))
            expected = task.sample_losses(outputs, samples.targets).double().mean()
            torch.testing.assert_close(
                found[name].reshape(codes.numel(), -1)[element, bit].double(), expected, rtol=1e-5, atol=1e-6
            )
