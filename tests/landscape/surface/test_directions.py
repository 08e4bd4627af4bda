"""Lengths, angles and names of directions."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape.measures import block_lanczos
from lowland.landscape.surface.directions import (
    checked_direction,
    filter_normalised_directions,
    hessian_directions,
    plane,
)
from lowland.landscape.surface.loss_surface import loss_surface
from tests.cases import CASES, FakeIntegerNetwork
from tests.oracles import dense_hessian


def _flat(direction):
    return torch.cat([part.flatten() for part in direction.values()])


@pytest.mark.parametrize("name", ["mlp", "autoencoder", "lstm", "residual"])
def test_every_filter_is_as_long_as_the_model_s(name):
    model = CASES[name].model()
    layers = dict(model.named_modules())
    directions = filter_normalised_directions(model)
    assert len(directions) == 2
    for direction in directions:
        assert list(direction) == [key for key, _ in model.named_parameters()]
        for key, parameter in model.named_parameters():
            change = direction[key]
            assert change.shape == parameter.shape and change.dtype == parameter.dtype
            if parameter.ndim < 2:
                assert not change.any()
                continue
            transposed = isinstance(layers[key.rpartition(".")[0]], nn.ConvTranspose2d)  # of one group
            filters = [tensor.transpose(0, 1) if transposed else tensor for tensor in (change, parameter.detach())]
            norms = [f.flatten(1).norm(dim=1) for f in filters]
            torch.testing.assert_close(*norms)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_filters_of_grouped_transposed_convolutions(groups):
    """One step along the direction changes each output channel by a map as large as its own."""
    layer = nn.ConvTranspose2d(4, 8, 3, groups=groups, bias=False).double().eval()
    with torch.no_grad():
        layer.weight *= torch.rand(8 // groups)[None, :, None, None] * torch.arange(1.0, 5)[:, None, None, None]
    (direction,) = filter_normalised_directions(layer, count=1)
    norms = []
    for weight in (layer.weight.detach(), direction["weight"]):
        basis = torch.eye(4, dtype=torch.float64)[:, :, None, None]  # one input channel after the other
        maps = functional.conv_transpose2d(basis, weight, groups=groups)
        norms.append(maps.transpose(0, 1).flatten(1).norm(dim=1))
    torch.testing.assert_close(*norms)
    assert len(norms[0].unique()) == 8


def _per_channel():
    """A convolution whose quantizer has one trainable scale a channel [3, 1, 1, 1]."""
    from brevitas import nn as quantized
    from brevitas.quant import Int8WeightPerChannelFloat

    return nn.Sequential(
        quantized.QuantConv2d(
            1,
            3,
            3,
            weight_quant=Int8WeightPerChannelFloat,
            weight_bit_width=4,
            weight_scaling_impl_type="parameter_from_stats",
        ),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 2),
        nn.Unflatten(1, (1, 2)),
        nn.LayerNorm((1, 2)),
    )


def test_scales_of_quantizers_and_normalisations_do_not_move():
    model = _per_channel()
    model(torch.randn(5, 1, 4, 4))
    (direction,) = filter_normalised_directions(model.eval(), count=1)
    shapes = {name: p.ndim for name, p in model.named_parameters()}
    moving = {name for name, change in direction.items() if change.any()}
    assert moving == {"0.weight", "3.weight"}
    assert sum(ndim > 1 for ndim in shapes.values()) == 5


def test_two_directions_are_almost_orthogonal_and_repeatable():
    model = nn.Linear(200, 200).eval()
    first, second = filter_normalised_directions(model)
    cosine = torch.dot(_flat(first), _flat(second)) / _flat(first).norm() / _flat(second).norm()
    assert abs(float(cosine)) < 4 / 200
    again = filter_normalised_directions(model)
    assert all(torch.equal(first[key], again[0][key]) for key in first)
    other = filter_normalised_directions(model, generator=torch.Generator().manual_seed(5))[0]
    assert not torch.equal(first["weight"], other["weight"])


def test_steps_scale_with_rescaled_layers():
    """A factor that one layer gains and the next loses stretches the directions alike: same surface."""
    model, scaled = CASES["mlp"].model(), CASES["mlp"].model()
    with torch.no_grad():
        scaled[0].weight *= 8
        scaled[2].weight /= 8
    one, other = (filter_normalised_directions(m)[0] for m in (model, scaled))
    torch.testing.assert_close(other["0.weight"], 8 * one["0.weight"])
    torch.testing.assert_close(other["2.weight"], one["2.weight"] / 8)


def test_a_filter_of_zeros_does_not_move():
    model = CASES["mlp"].model()
    with torch.no_grad():
        model[0].weight[2] = 0
    direction = filter_normalised_directions(model, count=1)[0]["0.weight"]
    assert not direction[2].any() and direction[3].all()


def test_deployed_networks_and_frozen_parameters():
    assert next(iter(filter_normalised_directions(FakeIntegerNetwork(), count=1)[0])) == "0.weight"
    model = CASES["mlp"].model()
    model[0].requires_grad_(False)
    assert "0.weight" not in filter_normalised_directions(model, count=1)[0]


def test_hessian_directions_are_eigenvectors():
    case = CASES["mlp"]
    model, rows = case.model(), case.data()
    values, vectors = torch.linalg.eigh(dense_hessian(model, case.loss, *rows))
    found = hessian_directions(model, case.loss, [rows], count=2, tolerance=1e-9)
    for index, direction in enumerate(found):
        flat = _flat(direction)
        assert [part.shape for part in direction.values()] == [p.shape for p in model.parameters()]
        assert float(flat.norm()) == pytest.approx(1, rel=1e-9)
        assert float(flat[flat.abs().argmax()]) > 0
        assert abs(float(flat @ vectors[:, -1 - index])) == pytest.approx(1, abs=1e-6), values[-3:]


def test_eigenvectors_that_missed_the_tolerance_say_so(monkeypatch):
    case = CASES["mlp"]
    model, rows = case.model(), case.data()
    assert hessian_directions(model, case.loss, [rows]).status == "ok"
    monkeypatch.setattr(block_lanczos, "MAXIMUM_PRODUCTS", 2)
    monkeypatch.setattr(block_lanczos, "MAXIMUM_BLOCKS", 1)
    rough = hessian_directions(model, case.loss, [rows], tolerance=1e-12)
    assert rough.status == "not_converged"
    surface = loss_surface(model, case.loss, [rows], directions=rough, num_points=3)
    assert surface.status == "not_converged" and bool(surface.losses.isfinite().all())
    assert set(surface.columns()["status"]) == {"not_converged"}
    broken = hessian_directions(model, case.loss, [(rows[0] * torch.nan, rows[1])])
    assert broken.status == "non_finite"


def test_plane_by_name():
    case = CASES["mlp"]
    model, rows = case.model(), case.data()
    random = plane("filter_normalised", model, case.loss, [rows], generator=torch.Generator().manual_seed(3))
    expected = filter_normalised_directions(model, generator=torch.Generator().manual_seed(3))
    assert torch.equal(_flat(random[1]), _flat(expected[1]))
    assert len(plane("hessian", model, case.loss, [rows])) == 2
    with pytest.raises(LowlandError, match="kind: got 'both'"):
        plane("both", model, case.loss, [rows])


def test_bad_input_is_told():
    model = CASES["mlp"].model()
    with pytest.raises(LowlandError, match="count: got 0"):
        filter_normalised_directions(model, count=0)
    with pytest.raises(LowlandError, match="training mode"):
        filter_normalised_directions(CASES["mlp"].model().train())
    vectors_only = nn.Sequential(nn.BatchNorm1d(3)).eval()
    with pytest.raises(LowlandError, match="no trainable parameter is a weight of two dimensions"):
        filter_normalised_directions(vectors_only)
    parameters = {"w": torch.zeros(2, 3)}
    with pytest.raises(LowlandError, match="empty direction"):
        checked_direction({}, parameters, "direction")
    with pytest.raises(LowlandError, match="got 'v'; expected names of parameters: w"):
        checked_direction({"v": torch.zeros(1)}, parameters, "direction")
    with pytest.raises(LowlandError, match=r"got shape \(3,\); expected \(2, 3\)"):
        checked_direction({"w": torch.zeros(3)}, parameters, "direction")
