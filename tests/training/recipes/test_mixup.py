import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats
from torch import nn
from torch.nn import functional

from lowland.perturbation import FeatureRanges
from lowland.training.recipe_base import Batch
from lowland.training.recipes.mixup import Mixup, larger_share
from tests.training.fitting import LOSS, OPTIONS, data, equal_weights, fit, network

ALPHA = 0.7


def mixed(pair, loss=LOSS, seed=0, alpha=ALPHA):
    """The mixed batch, and the share and order that the generator gives."""
    ranges, source = FeatureRanges.of(pair[0]), torch.Generator().manual_seed(seed)
    batch = Mixup(kind="mixup", alpha=alpha).disturbed(Batch(*pair, loss), nn.Identity(), ranges, source)
    source.manual_seed(seed)
    quantile = float(torch.rand((), generator=source, dtype=torch.float64))
    return batch, larger_share(alpha, quantile), torch.randperm(len(pair[0]), generator=source)


@pytest.mark.parametrize("loss", [LOSS, functional.mse_loss])
def test_a_vanishing_alpha_is_plain_training(loss):
    """To the last byte, of classes and of numbers."""
    inputs, classes = data()
    pair = (inputs, classes if loss is LOSS else inputs[:, :2].square())
    settings = {"training": pair, "validation": pair, "loss": loss}
    plain, found = (fit(network(), **settings, **c) for c in ({"kind": "plain"}, {"kind": "mixup", "alpha": 1e-6}))
    assert equal_weights(plain.network, found.network) and plain.curves.equals(found.curves)


def test_the_loss_on_classes_is_that_on_soft_targets():
    inputs, targets = data()
    batch, share, order = mixed((inputs, targets))
    soft = share * functional.one_hot(targets, 2) + (1 - share) * functional.one_hot(targets[order], 2)
    assert torch.allclose(batch.inputs, share * inputs + (1 - share) * inputs[order], atol=1e-6)
    assert 0.5 <= share < 1
    results = []
    for loss in (lambda outputs: batch.loss(outputs, batch.targets), lambda outputs: LOSS(outputs, soft)):
        model = network()
        value = loss(model(batch.inputs))
        value.backward()
        results.append((value.detach(), [p.grad for p in model.parameters()]))
    (value, slopes), (expected, expected_slopes) = results
    assert torch.allclose(value, expected, rtol=1e-6)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(slopes, expected_slopes, strict=True))


def test_targets_that_are_numbers_are_mixed_as_inputs_are():
    inputs = data()[0]
    targets = inputs.double() @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64)  # a linear law stays one
    batch, _, _ = mixed((inputs, targets), functional.mse_loss)
    assert batch.loss is functional.mse_loss and batch.targets.dtype == torch.float64
    expected = batch.inputs.double() @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64)
    assert torch.allclose(batch.targets, expected, atol=1e-5) and not torch.allclose(batch.targets, targets)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_follow_the_distribution(alpha):
    source = torch.Generator().manual_seed(1)
    quantiles = torch.rand(400, generator=source, dtype=torch.float64)
    shares = [larger_share(alpha, float(quantile)) for quantile in quantiles]
    folded = lambda share: 2 * stats.beta(alpha, alpha).cdf(share) - 1  # noqa: E731  # of max(λ, 1 - λ)
    assert stats.kstest(shares, folded).pvalue > 0.01


@given(st.floats(1e-9, 1e3), st.floats(0, 1))
@example(3.0, 2.1266566095180713e-306)
def test_the_larger_share_is_at_least_half(alpha, quantile):
    assert 0.5 - 1e-9 <= larger_share(alpha, quantile) <= 1


def test_partners_and_shares_are_fresh_in_every_batch_and_keyed():
    seen = []

    class Watched(nn.Linear):
        def forward(self, inputs):
            if self.training:
                seen.append(inputs.detach().clone())
            return super().forward(inputs)

    once = OPTIONS.model_copy(update={"epochs": 3, "batch_size": 64})
    for key in (("a", 0), ("a", 0), ("a", 1)):
        fit(Watched(3, 2), options=once, key=key, kind="mixup", alpha=1.0)
    sums = [float(inputs.sum(0)[0]) for inputs in seen]  # what mixing within a batch leaves alone
    assert sums == pytest.approx([sums[0]] * 9, abs=1e-4)
    spread = [float(inputs.var()) for inputs in seen]
    assert spread[:3] == spread[3:6] and len(set(spread)) == 6


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_wrong_options_are_refused(alpha):
    with pytest.raises(ValidationError):
        Mixup(kind="mixup", alpha=alpha)
