import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.perturbation import FeatureRanges
from lowland.training.recipe_base import Batch
from tests.training.fitting import LOSS, OPTIONS, data, equal_weights, fit, network, recipe

ONCE = OPTIONS.model_copy(update={"epochs": 1, "batch_size": 4000})


class Watched(nn.Sequential):
    """Keeps what it is fed in training."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.seen = []

    def forward(self, inputs):
        if self.training:
            self.seen.append(inputs.detach().clone())
        return super().forward(inputs)


def seen(options=ONCE, training=None, key=("toy", 0), settings=None, **chosen):
    model = Watched(nn.Linear(3, 2))
    fit(model, options=options, training=training, key=key, settings=settings, **chosen)
    return model.seen


def noise_on(rows, settings=None, **chosen):
    """What was added to the rows of one batch."""
    (clean,), (noisy,) = seen(training=rows, kind="plain"), seen(training=rows, settings=settings, **chosen)
    return noisy - clean


@pytest.mark.parametrize("kind", ["gaussian", "uniform"])
def test_deviation_is_per_cent_of_that_of_the_training_rows(kind):
    inputs, targets = data(4000)
    inputs = inputs * torch.tensor([1.0, 10.0, 0.1])
    added = noise_on((inputs, targets), kind="noise", noise=kind, level=20)
    assert torch.allclose(added.std(0), 0.2 * inputs.std(0), rtol=0.06)
    assert torch.all(added.mean(0).abs() < 0.02 * inputs.std(0))


def test_salt_and_pepper_shows_the_extremes_of_the_training_rows():
    inputs, targets = data(4000)
    added = noise_on((inputs, targets), kind="noise", noise="salt_and_pepper", level=20)
    assert float((added != 0).double().mean()) == pytest.approx(0.2, abs=0.01)
    (noisy,) = seen(training=(inputs, targets), kind="noise", noise="salt_and_pepper", level=20)
    extremes = torch.stack([inputs.amin(0), inputs.amax(0)])
    assert torch.isin(noisy[added != 0], extremes).all()


def test_units_are_those_that_are_handed_over():
    rows = data(4000)
    ranges = FeatureRanges.of(rows[0])._replace(deviation=torch.tensor([2.0, 4.0, 8.0]))
    added = noise_on(rows, settings={"ranges": ranges}, kind="noise", noise="gaussian", level=50)
    assert torch.allclose(added.std(0), torch.tensor([1.0, 2.0, 4.0]), rtol=0.06)


def test_noise_is_fresh_in_every_batch_and_keyed():
    options = OPTIONS.model_copy(update={"batch_size": 64, "epochs": 3})
    rows = (torch.zeros(64, 3), data()[1])
    ranges = FeatureRanges.of(data()[0])
    chosen = {"kind": "noise", "noise": "gaussian", "level": 10, "settings": {"ranges": ranges}}
    first, again, other = (seen(options, rows, key, **chosen) for key in (("a", 0), ("a", 0), ("a", 1)))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    batches = [*first, *other]
    assert all(not torch.equal(batches[i], batches[j]) for i in range(6) for j in range(i))


def test_rows_come_in_the_order_of_plain_training():
    order = lambda **chosen: [batch.argsort(0)[:, 0] for batch in seen(OPTIONS, **chosen)]  # noqa: E731
    noisy = order(kind="noise", noise="gaussian", level=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(order(kind="plain"), noisy, strict=True))


def test_vanishing_noise_is_plain_training():
    noisy = fit(network(), kind="noise", noise="salt_and_pepper", level=1e-9)
    assert equal_weights(noisy.network, fit(network()).network)


def test_it_helps_under_that_noise():
    inputs, targets = data(512)
    ranges = FeatureRanges.of(inputs)
    rare = torch.cat([inputs, 0.2 * targets[:, None] - 0.1], 1)  # a small sure feature and three strong weak ones
    options = OPTIONS.model_copy(update={"epochs": 20, "batch_size": 64})
    ranges = FeatureRanges.of(rare)._replace(deviation=torch.ones(4))
    trained = {}
    for kind, chosen in {
        "plain": {"kind": "plain"},
        "noise": {"kind": "noise", "noise": "gaussian", "level": 50},
    }.items():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Linear(4, 2)
        rows = (rare, targets)
        trained[kind] = fit(
            model, options=options, training=rows, validation=rows, settings={"ranges": ranges}, **chosen
        )
    batch = Batch(rare, torch.zeros(len(rare)), nn.functional.mse_loss)
    noise = recipe(kind="noise", noise="gaussian", level=50)
    noisy, same, *_ = noise.disturbed(batch, nn.Identity(), ranges, torch.Generator().manual_seed(5))
    assert same is batch.targets
    losses = {kind: float(LOSS(found.network(noisy), targets).detach()) for kind, found in trained.items()}
    assert losses["noise"] < losses["plain"]


def test_inputs_that_are_no_floats_are_refused_before_training():
    tokens = torch.randint(5, (8, 3)), torch.zeros(8, dtype=torch.int64)
    with pytest.raises(LowlandError, match=r"inputs are torch\.int64; recipes that change inputs expect floats"):
        fit(network(), training=tokens, kind="noise", noise="gaussian", level=10)
