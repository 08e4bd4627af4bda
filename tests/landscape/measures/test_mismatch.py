"""Predicted changes of decisions against brute force to first order and against what really happens."""

import math

import pytest
import torch

from lowland.errors import LowlandError
from lowland.landscape.measures.matched import weight_changes
from lowland.landscape.measures.mismatch import (
    flip_mismatch_curvature,
    noise_mismatch_curvature,
    rounding_mismatch_curvature,
)
from tests.cases import CASES, FakeIntegerNetwork
from tests.quantization.networks import integer_network
from tests.quantization.networks import rows as blobs

ENCODINGS = ("twos_complement", "sign_magnitude", "offset_binary")


@pytest.fixture(scope="module")
def rows():
    draws = torch.Generator().manual_seed(11)
    return torch.randn(12, 4, generator=draws, dtype=torch.float64), torch.zeros(12)


def _margin(outputs):
    best, second = outputs.topk(2).indices
    return outputs[best] - outputs[second]


def _margins(model, inputs):
    """Of each row its margin and the margin's gradients by parameter name."""
    for row in inputs:
        margin = _margin(model(row[None])[0])
        slopes = torch.autograd.grad(margin, list(model.parameters()), allow_unused=True, materialize_grads=True)
        yield float(margin.detach()), dict(zip((n for n, _ in model.named_parameters()), slopes, strict=True))


def _normal(z):
    return 0.5 * math.erfc(-z / 2**0.5)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("targets", [("weights", "biases"), ("weights",), ("biases",)])
def test_flips_against_every_flip_of_every_row(encoding, targets, rows):
    network = FakeIntegerNetwork()
    for name, codes in network.codes.items():  # sign-magnitude has no code below -(2^(bits-1) - 1)
        codes.clamp_(min=1 - 2 ** (network.bits[name] - 1))
    changes = weight_changes(network, encoding, targets)
    shares = []
    for margin, slopes in _margins(network.dequantized(), rows[0]):
        hits = [margin + slopes[name][..., None] * change < 0 for name, change in changes]
        shares.append(sum(int(h.sum()) for h in hits) / sum(h.numel() for h in hits))
    found = flip_mismatch_curvature(network, [rows], encoding=encoding, targets=targets)
    assert found.value == pytest.approx(sum(shares) / len(shares), rel=1e-12)
    assert found.value > 0
    error = float(torch.tensor(shares, dtype=torch.float64).std()) / len(shares) ** 0.5
    assert found.standard_error == pytest.approx(error, rel=1e-9)


def test_rounding_against_the_gradients_of_the_margins(rows):
    network = FakeIntegerNetwork()
    shares = []
    for margin, slopes in _margins(network.dequantized(), rows[0]):
        variance = sum(float((slopes[n] * network.scales[n]).square().sum()) / 12 for n in network.codes)
        shares.append(_normal(-margin / variance**0.5))
    found = rounding_mismatch_curvature(network, [rows])
    assert found.value == pytest.approx(sum(shares) / len(shares), rel=1e-10)


@pytest.mark.parametrize("name", ["mlp", "residual", "convolutions", "lstm", "gru", "twin", "stock Brevitas"])
@pytest.mark.parametrize("full", [False, True])
def test_noise_against_the_gradients_of_the_margins(name, full):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    size = inputs[0].numel()
    root = torch.randn(size, size, generator=torch.Generator().manual_seed(2), dtype=torch.float64) / size
    covariance = root @ root.T if full else root.square().sum(1).reshape(case.shape)
    matrix = covariance if full else torch.diag(covariance.flatten())
    shares = []
    for row in inputs:
        leaf = row.clone().requires_grad_()
        margin = _margin(model(leaf[None])[0])
        (slope,) = torch.autograd.grad(margin, leaf)
        deviation = float(slope.flatten() @ matrix @ slope.flatten()) ** 0.5
        shares.append(_normal(-float(margin.detach()) / deviation) if deviation else 0.0)
    found = noise_mismatch_curvature(
        model, list(zip(inputs.split(5), targets.split(5), strict=True)), covariance=covariance
    )
    assert found.value == pytest.approx(sum(shares) / len(shares), rel=1e-9)


def test_noise_on_a_linear_network_happens_as_predicted():
    """Two classes, no kinks: first order is everything."""
    draws = torch.Generator().manual_seed(3)
    model = torch.nn.Linear(5, 2).double().eval()
    inputs = torch.randn(20, 5, generator=draws, dtype=torch.float64)
    found = noise_mismatch_curvature(model, [(inputs, inputs)], covariance=torch.full((5,), 0.25))
    noisy = inputs + 0.5 * torch.randn(20_000, 20, 5, generator=draws, dtype=torch.float64)
    with torch.no_grad():
        changed = (model(noisy).argmax(-1) != model(inputs).argmax(-1)).double()
    assert found.value == pytest.approx(float(changed.mean()), abs=4 * float(changed.mean(1).std()) / 20_000**0.5)


def test_flips_on_the_last_layer_of_two_classes_happen_as_predicted():
    """A flip in the last layer changes the outputs linearly: the prediction is the count."""
    draws = torch.Generator().manual_seed(4)
    network = FakeIntegerNetwork(sizes=(4, 2))
    inputs = torch.randn(15, 4, generator=draws, dtype=torch.float64)
    twin = network.dequantized()
    before = twin(inputs).argmax(1)
    happened = []
    for name, change in weight_changes(network, "twos_complement", ("weights", "biases")):
        parameter = dict(twin.named_parameters())[name].data
        for index in range(parameter.numel()):
            for delta in change.flatten(0, -2)[index]:
                kept = parameter.view(-1)[index].clone()
                parameter.view(-1)[index] += delta
                happened.append(float((twin(inputs).argmax(1) != before).double().mean()))
                parameter.view(-1)[index] = kept
    found = flip_mismatch_curvature(network, [(inputs, inputs)])
    assert found.value == pytest.approx(sum(happened) / len(happened), rel=1e-9)


def test_the_library_s_deployed_network_and_batches_of_any_size():
    network, (inputs, targets) = integer_network(4), blobs(30)
    pieces = list(zip(inputs.split(7), targets.split(7), strict=True))
    for measure in (flip_mismatch_curvature, rounding_mismatch_curvature):
        whole = measure(network, [(inputs, targets)])
        assert whole.status == "ok"
        assert 0 < whole.value < 1
        assert measure(network, pieces[::-1]).value == pytest.approx(whole.value, rel=1e-5)


def test_no_decision_is_undefined_and_bad_rows_are_not_finite(rows):
    autoencoder = CASES["autoencoder"]
    inputs, targets = autoencoder.data()
    found = noise_mismatch_curvature(autoencoder.model(), [(inputs, targets)], covariance=torch.ones(1, 4, 4))
    assert found.status == "undefined"
    network = FakeIntegerNetwork()
    bad = [(rows[0] * torch.nan, rows[1])]
    assert flip_mismatch_curvature(network, bad).status == "non_finite"
    assert rounding_mismatch_curvature(network, bad).status == "non_finite"
    assert noise_mismatch_curvature(network, bad, covariance=torch.ones(4)).status == "non_finite"


def test_bad_options_are_told(rows):
    network = FakeIntegerNetwork()
    with pytest.raises(LowlandError, match="encoding: got 'gray'"):
        flip_mismatch_curvature(network, [rows], encoding="gray")
    with pytest.raises(LowlandError, match="targets: got scales"):
        flip_mismatch_curvature(network, [rows], targets=("scales",))
    with pytest.raises(LowlandError, match="covariance: got shape"):
        noise_mismatch_curvature(network, [rows], covariance=torch.ones(3))
