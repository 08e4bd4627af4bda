"""Recipes that change inputs, where inputs are tokens: they change the embeddings."""

import pytest
import torch
from torch import nn

from lowland.architectures.recurrent import Recurrent
from lowland.coding.tokens import PADDING
from lowland.perturbation.embeddings import from_vectors, looked_up, spread
from lowland.quantization import Precision, build_quantized, calibrate
from lowland.training import TrainingData, TrainingOptions, train
from lowland.training.recipe_base import Batch
from lowland.training.recipes.adversarial import Adversarial
from lowland.training.recipes.mixup import Mixup, larger_share
from lowland.training.recipes.recipe import Plain
from tests.training.fitting import LOSS, equal_weights, of_samples

ADVERSARIAL = Adversarial(kind="adversarial", radius=0.5, num_steps=3)
MIXUP = Mixup(kind="mixup", alpha=1.0)
OPTIONS = TrainingOptions(epochs=3, batch_size=16, learning_rate=0.02, schedule="constant")


def data(count=48, places=5):
    source = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 9, (count, places), generator=source)
    lengths = torch.randint(1, places + 1, (count, 1), generator=source)
    tokens = torch.where(torch.arange(places) < lengths, tokens, PADDING)
    return tokens, ((tokens >= 5).sum(1) > (tokens != PADDING).sum(1) / 2).long()


def network():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Recurrent("gru", inputs=3, hidden=4, outputs=2, tokens=9)


def disturbed(recipe, net, seed=0):
    tokens, targets = data()
    batch = Batch(tokens, targets, LOSS, lambda o, t: nn.functional.cross_entropy(o, t, reduction="none"))
    return recipe.disturbed_embeddings(batch, net, torch.Generator().manual_seed(seed))


def fit(net, recipe):
    tokens = data()
    losses = of_samples(LOSS)
    return train(
        net, TrainingData(tokens, tokens, LOSS, sample_losses=losses), recipe=recipe, options=OPTIONS, key=("t", 0)
    )


def test_the_worst_embeddings_lie_in_their_ball_and_raise_the_loss():
    net = network()
    batch = disturbed(ADVERSARIAL, net)
    plain, worse = (batch.loss(outputs, batch.targets) for outputs in (net(batch.inputs), batch.outputs_of(net)))
    assert worse > plain + 0.01 and net.training and all(p.grad is None for p in net.parameters())
    # The edge of the ball bounds what one step along the gradient finds, which the attack must at least come near.
    vectors = looked_up(net, batch.inputs).detach().requires_grad_()
    slope = torch.autograd.grad(
        batch.sample_losses(from_vectors(net, vectors, batch.inputs), batch.targets).sum(), vectors
    )[0]
    one_step = vectors + 0.5 * spread(net) * slope.sign()
    assert worse >= 0.98 * LOSS(from_vectors(net, one_step, batch.inputs), batch.targets)


def test_a_radius_of_0_is_plain_training():
    none = ADVERSARIAL.model_copy(update={"radius": 0.0})
    plain, found = fit(network(), Plain(kind="plain")), fit(network(), none)
    assert found.status == "ok"
    for first, second in zip(plain.network.parameters(), found.network.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def test_embeddings_are_mixed_place_by_place_and_a_mixture_ends_where_the_longer_text_does():
    net, (tokens, targets) = network(), data()
    batch = disturbed(MIXUP, net)
    source = torch.Generator().manual_seed(0)
    share = larger_share(1.0, float(torch.rand((), generator=source, dtype=torch.float64)))
    order = torch.randperm(len(tokens), generator=source)
    weights = net.embedding.weight
    mixed = share * weights[tokens] + (1 - share) * weights[tokens[order]]
    for row in range(0, len(tokens), 7):
        length = int(((tokens[row] != PADDING) | (tokens[order[row]] != PADDING)).sum())
        states, _ = net.recurrence.recurrence(mixed[row : row + 1, :length])
        torch.testing.assert_close(batch.outputs_of(net)[row], net.head(states[0, -1]))
    soft = share * nn.functional.one_hot(targets, 2) + (1 - share) * nn.functional.one_hot(targets[order], 2)
    outputs = batch.outputs_of(net)
    torch.testing.assert_close(batch.loss(outputs, targets), LOSS(outputs, soft.float()))


@pytest.mark.parametrize("recipe", [ADVERSARIAL, MIXUP], ids=["adversarial", "mixup"])
def test_training_is_repeated_to_the_last_byte_learns_and_leaves_the_padding_alone(recipe):
    found, again = fit(network(), recipe), fit(network(), recipe)
    assert found.status == "ok" and equal_weights(found.network, again.network)
    assert not equal_weights(found.network, fit(network(), Plain(kind="plain")).network)
    assert found.curves["validation_loss"].iloc[-1] < found.curves["validation_loss"].iloc[0]
    assert not found.network.embedding.weight[PADDING].any()


@pytest.mark.parametrize("recipe", [ADVERSARIAL, MIXUP], ids=["adversarial", "mixup"])
def test_fake_quantized_networks_are_fine_tuned_with_it(recipe):
    tokens, _ = data()
    precision = Precision(method="qat", weight_bits=8, activation_bits=8)
    quantized = build_quantized(network().eval(), precision, input_bits=8, input_signed=False, example=tokens)
    before = {name: value.clone() for name, value in calibrate(quantized, tokens).state_dict().items()}
    found = fit(quantized, recipe)
    changed = [name for name, value in found.network.state_dict().items() if not torch.equal(value, before[name])]
    assert found.status == "ok" and "layers.embedding.weight" in changed


def test_a_model_that_is_no_module_is_refused():
    batch = disturbed(MIXUP, net := network())
    with pytest.raises(TypeError, match="model is no module"):
        batch.outputs_of(lambda tokens: net(tokens))
