"""A network as a function of its tokens' vectors: the same where these are its own, whatever kind of network it is."""

import pytest
import torch
from torch import nn

from lowland.architectures.recurrent import Recurrent
from lowland.errors import LowlandError
from lowland.perturbation.embeddings import embedding_of, from_vectors, looked_up, own_vectors, own_words, spread
from lowland.quantization import Precision, build_quantized, calibrate

TOKENS = torch.tensor([[3, 1, 4, 0], [2, 0, 0, 0], [4, 4, 3, 2]])


def network(kind="gru"):
    torch.manual_seed(0)
    return Recurrent(kind, inputs=3, hidden=4, outputs=2, tokens=5).eval()


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_its_own_vectors_give_its_own_outputs(kind):
    net = network(kind)
    assert embedding_of(net) == "embedding.weight"
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert torch.equal(from_vectors(net, looked_up(net, TOKENS), TOKENS), net(TOKENS))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_fake_quantized_network_rounds_them_as_its_weights():
    net = network()
    quantized = build_quantized(
        net, Precision(method="ptq", weight_bits=4, activation_bits=8), input_bits=8, input_signed=False, example=TOKENS
    )
    calibrate(quantized, TOKENS)
    assert torch.equal(from_vectors(quantized, looked_up(quantized, TOKENS), TOKENS), quantized(TOKENS))


def test_other_vectors_act_where_they_stand_and_padding_does_not():
    net, vectors = network(), looked_up(network(), TOKENS).detach()
    changed = vectors.clone()
    changed[0, 1] += 1.0
    changed[1, 2] += 1.0  # padding
    outputs, moved = net(TOKENS), from_vectors(net, changed, TOKENS)
    assert not torch.allclose(moved[0], outputs[0]) and torch.equal(moved[1:], outputs[1:])


def test_derivatives_reach_the_vectors_and_the_weights():
    net = network()
    vectors = looked_up(net, TOKENS)
    slopes = torch.autograd.grad(from_vectors(net, vectors, TOKENS).square().sum(), [vectors, net.embedding.weight])
    plain = torch.autograd.grad(net(TOKENS).square().sum(), net.embedding.weight)[0]
    torch.testing.assert_close(slopes[1], plain)
    assert (slopes[0][TOKENS != 0] != 0).any() and (slopes[0][TOKENS == 0] == 0).all()


def test_every_place_is_a_word_of_its_own():
    words = own_words(TOKENS)
    assert (words == 0).equal(TOKENS == 0)
    known = words[words != 0]
    assert len(known.unique()) == len(known)
    vectors = torch.randn(3, 4, 2)
    table = own_vectors(vectors, torch.zeros(2))
    assert torch.equal(table[words][TOKENS != 0], vectors[TOKENS != 0]) and not table[words][TOKENS == 0].any()


def test_the_spread_is_that_of_words():
    net = network()
    assert spread(net) == pytest.approx(float(net.embedding.weight[2:].detach().double().std(correction=0)))


@pytest.mark.parametrize(
    "net, count", [(nn.Linear(2, 2), 0), (nn.Sequential(nn.Embedding(3, 2), nn.Embedding(3, 2)), 2)]
)
def test_a_network_without_one_embedding_is_refused(net, count):
    with pytest.raises(LowlandError, match=f"has {count} embeddings; attacks and mixtures of embeddings expect one"):
        embedding_of(net)
