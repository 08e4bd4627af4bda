import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import freeze
from lowland.quantization.fake_quantized.grid import codes_on
from lowland.training.recipe_base import Value
from lowland.training.recipes.bit_errors import with_bit_errors
from tests.oracles import flipped
from tests.quantization.convolutions import CASES
from tests.quantization.networks import rows, twin
from tests.training.fitting import LOSS, OPTIONS, data, equal_weights, fit, network, recipe


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def errors(rate, bits=8, **options):
    return recipe(kind="bit_errors", rate=rate, bits=bits, **options)


@given(st.integers(1, 48), st.data())
def test_all_bits_flipped_are_the_inverted_word(bits, chosen):
    code = chosen.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    expected = flipped(code, range(bits), bits)
    found = with_bit_errors(torch.tensor([code]), bits, rate=1.0, generator=source())
    assert found.tolist() == [expected] == [-1 - code]
    assert with_bit_errors(torch.tensor([code]), bits, rate=0.0, generator=source()).tolist() == [code]


def test_every_bit_flips_at_the_rate_and_by_itself():
    bits, rate, count = 4, 0.1, 40000
    words = with_bit_errors(torch.zeros(count, dtype=torch.int64), bits, rate=rate, generator=source()) & 15
    hit = ((words[:, None] >> torch.arange(bits)) & 1).double()
    spread = (rate * (1 - rate) / count) ** 0.5
    assert torch.all((hit.mean(0) - rate).abs() < 4 * spread)
    pairs = hit.T @ hit / count
    assert torch.all((pairs - rate**2).abs().triu(1) < 4 * rate / count**0.5)


def test_flips_may_leave_the_narrow_range():
    found = with_bit_errors(torch.zeros(2000, dtype=torch.int64), 3, rate=0.3, generator=source())
    assert sorted(found.unique().tolist()) == list(range(-4, 4))


def test_rate_zero_is_plain_training():
    assert equal_weights(fit(network(), kind="bit_errors", rate=0, bits=4).network, fit(network()).network)


def test_rate_zero_is_plain_fine_tuning():
    pair, options = rows(64), OPTIONS.model_copy(update={"epochs": 1})
    for bits in (2, 12):
        hit, plain = (
            fit(twin(bits), options=options, training=pair, validation=pair, **chosen)
            for chosen in ({"kind": "bit_errors", "rate": 0, "bits": 8}, {"kind": "plain"})
        )
        assert equal_weights(hit.network, plain.network) and hit.curves.equals(plain.curves)


def test_rate_zero_is_plain_training_with_batch_norm():
    build = lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))  # noqa: E731
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build()
    hit = fit(copy.deepcopy(model), kind="bit_errors", rate=0, bits=4).network.state_dict()
    plain = fit(model, kind="plain").network.state_dict()
    assert all(torch.equal(hit[name], tensor) for name, tensor in plain.items())


def test_a_float_network_with_all_bits_inverted():
    """Against words that are inverted by hand."""
    model, (inputs, _), bits = network(), data(), 5
    expected = copy.deepcopy(model)
    with torch.no_grad():
        for p in expected.parameters():
            scale = p.abs().max() / 15
            for value in p.view(-1):  # views: each is set in place
                code = round(float(value / scale))
                value += scale * (flipped(code, range(bits), bits) - code)
    found = errors(1.0, bits).struck(model, source())(inputs)
    assert torch.allclose(found, expected(inputs), atol=1e-5)
    assert equal_weights(model, network())


@pytest.mark.parametrize("rate", [0.0, 0.03, 1.0])
@pytest.mark.parametrize(
    "make",
    [
        lambda: (twin(4), rows(32)[0]),
        lambda: (twin(2), rows(32)[0]),
        lambda: (twin(12), rows(32)[0]),
        lambda: (CASES["regression"].twin(5), CASES["regression"].rows(4)),
        lambda: (CASES["autoencoder"].twin(4), CASES["autoencoder"].rows(8)),
        lambda: (CASES["one scale a channel"].twin(4), CASES["one scale a channel"].rows(8)),
    ],
    ids=["4", "2", "12", "convolutions", "float part", "channels"],
)
def test_a_twin_computes_what_its_deployed_network_would_with_the_same_flips(make, rate):
    """The same draw on the frozen codes, in the order in which layers are read: weight, then bias."""
    quantized, inputs = make()
    quantized.eval()
    deployed, generator = freeze(quantized), source(7)
    codes = {
        name: with_bit_errors(values.to(torch.int64), deployed.bits[name], rate=rate, generator=generator)
        for name, values in deployed.codes.items()
    }
    with torch.no_grad():
        found = errors(rate).struck(quantized, source(7))(inputs)
        assert torch.equal(found, deployed.with_codes(codes)(inputs))
    assert rate == 0 or not torch.equal(found, quantized(inputs))


def test_a_code_may_be_the_lowest_of_its_word():
    quantized = twin(3)
    code = -1 - codes_on(quantized.layers.get_submodule("0").weight, quantized.grid("0"))
    assert int(code.min()) == -4 and quantized.grid("0").lowest == -3
    assert errors(1.0).struck(quantized, source())(rows(4)[0]).isfinite().all()


def test_gradients_are_the_mean_of_both_passes():
    model, pair = network(), data()
    objective = lambda at: Value(LOSS(at(pair[0]), pair[1]), None)  # noqa: E731
    value = errors(0.1, 4).gradients(model, objective, source(3))
    found = {name: p.grad for name, p in model.named_parameters()}
    clean, hit = objective(model).total, objective(errors(0.1, 4).struck(model, source(3))).total
    expected = torch.autograd.grad((clean + hit) / 2, list(model.parameters()))
    assert torch.equal(value.total, (clean + hit) / 2) and not torch.equal(hit, clean)
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(found.values(), expected, strict=True))


def test_derivatives_of_a_twin_pass_straight_through_the_flips():
    """Of weights inside the range as if there were no rounding; of the scale as of scale * flipped code."""
    quantized, (inputs, targets) = twin(4), rows(32)
    LOSS(errors(0.05).struck(quantized, source(1))(inputs), targets).backward()
    layer, grid = quantized.layers.get_submodule("4"), quantized.grid("4")
    read = {}

    def note(tensor):
        value = errors(0.05)._read(tensor, generator)
        read[tensor.name] = (value, tensor)
        value.retain_grad()
        return value

    generator = source(1)
    LOSS(quantized(inputs, note), targets).backward()
    value, tensor = read["4.weight"]
    inside = (tensor.parameter / grid.scale).detach().abs() < grid.highest + 0.5
    assert torch.allclose(layer.weight.grad / 2, value.grad * inside, atol=1e-7)
    flips = (value / grid.scale).detach()
    slope = value.grad * (flips - inside * (tensor.parameter / grid.scale).detach())
    bias, stored = read["4.bias"]
    flips = (bias / stored.grid.scale).detach()
    by_bias = bias.grad * (flips - (stored.parameter / stored.grid.scale).detach())
    *_, before = (scale for name, scale in freeze(quantized).activation_scales.items())
    expected = (slope.sum() + by_bias.sum() * before) / grid.highest
    assert torch.allclose(quantized.threshold("4").grad / 2, expected, rtol=1e-3)


def test_the_float_part_is_spared_in_float_training():
    case = CASES["autoencoder"]
    model, inputs = case.network(), case.rows(8)
    code = model.encoder(inputs)
    hit = errors(1.0).struck(model.train(), source(), float_from="decoder")(inputs)
    other = errors(1.0).struck(model.encoder, source())(inputs)
    assert torch.allclose(hit, model.decoder(other), atol=1e-6) and not torch.equal(other, code)


def test_an_unknown_float_part_is_refused():
    with pytest.raises(LowlandError, match="float_from is 'decodr'; expected the name of a layer"):
        fit(network(), kind="bit_errors", rate=0.1, bits=8, settings={"float_from": "decodr"})


def test_zero_weights_are_no_obstacle():
    model = network()
    nn.init.zeros_(model[2].weight)
    assert errors(0.5).struck(model, source())(data()[0]).isfinite().all()


def test_it_helps_under_bit_errors():
    pair, options = rows(512), OPTIONS.model_copy(update={"epochs": 8, "batch_size": 128})
    losses = {}
    for kind, chosen in {"plain": {"kind": "plain"}, "hit": {"kind": "bit_errors", "rate": 0.05, "bits": 8}}.items():
        found = fit(twin(4, steps=60), options=options, training=pair, validation=pair, **chosen).network
        draws = [errors(0.05).struck(found, source(number))(pair[0]) for number in range(20)]
        losses[kind] = float(torch.stack([LOSS(outputs, pair[1]).detach() for outputs in draws]).mean())
    assert losses["hit"] < losses["plain"]


def test_frozen_tensors_are_not_struck():
    """All bits of the others are: alone, or with frozen ones that would draw first."""
    inputs, _ = data()
    model, everything = network(), errors(1.0, 5)
    expected = copy.deepcopy(model)
    expected[2] = copy.deepcopy(model[2]).requires_grad_(True)
    model[0].requires_grad_(False)
    found = everything.struck(model, source())(inputs)
    hidden = model[1](model[0](inputs))
    torch.testing.assert_close(found, everything.struck(expected[2:], source())(hidden))
    assert not torch.allclose(found, model(inputs))


def test_frozen_tensors_of_twins_are_not_struck():
    (inputs, _), model = rows(20), twin(4)
    for parameter in model.stored.values():
        parameter.requires_grad_(False)
    assert torch.equal(errors(0.5).struck(model, source())(inputs), model(inputs))
    model.stored["4.weight"].requires_grad_(True)
    assert not torch.equal(errors(0.5).struck(model, source())(inputs), model(inputs))
