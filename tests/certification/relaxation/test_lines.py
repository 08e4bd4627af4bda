"""Lines and ranges of every activation hold for points that lie close to each other."""

import pytest
import torch
from torch import nn

from lowland.certification.real_network import Rounding
from lowland.certification.relaxation.curves import curve_of
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.lines import curve_range, lines_around
from tests.certification.relaxation.networks import ACTIVATIONS

LAYERS = (*ACTIVATIONS, Rounding(0.1, -1.0, 2.0))


def _intervals(count=400):
    generator = torch.Generator().manual_seed(7)
    center = 4 * torch.randn(count, generator=generator, dtype=torch.float64)
    half = 10.0 ** (6 * torch.rand(count, generator=generator, dtype=torch.float64) - 4.5)
    half[::10] = 0.0
    half[1::10] = 1e-9
    center[:4], half[:4] = torch.tensor([0.0, 300.0, -300.0, 0.0]), torch.tensor([1000.0, 200.0, 200.0, 1e-3])
    return Interval((center - half).unsqueeze(1), (center + half).unsqueeze(1))


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_no_point_of_a_curve_leaves_its_lines_and_range(layer):
    interval = _intervals()
    lines, known = lines_around(curve_of(layer), interval, 1), curve_range(curve_of(layer), interval)
    shares = torch.linspace(0, 1, 4001, dtype=torch.float64)
    points = (interval.lower + (interval.upper - interval.lower) * shares).clamp(interval.lower, interval.upper)
    values = layer(points)
    move = layer.half_step if isinstance(layer, Rounding) else 0.0
    assert bool((lines.lower_slope * points + lines.lower_intercept <= values - move).all())
    assert bool((lines.upper_slope * points + lines.upper_intercept >= values + move).all())
    assert bool((known.lower <= values - move).all() & (known.upper >= values + move).all())
    slack = curve_of(layer).slack + 1e-12 * (1 + interval.size)
    assert bool(
        (
            known.lower
            >= values.amin(1, keepdim=True) - move - 2 * slack - 0.6 * (interval.upper - interval.lower) / 4000
        ).all()
    )


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_area_between_the_lines_is_close_to_the_smallest(layer):
    low, high = torch.tensor([-3.0, -0.5, 0.2, -2.5, -6.0]), torch.tensor([2.0, 1.5, 1.0, -0.1, 6.0])
    interval = Interval(low.double().unsqueeze(1), high.double().unsqueeze(1))
    curve = curve_of(layer)
    lines = lines_around(curve, interval, 1)
    middle = (interval.lower + interval.upper) / 2
    height = (lines.upper_slope * middle + lines.upper_intercept) - (lines.lower_slope * middle + lines.lower_intercept)
    points = interval.lower + (interval.upper - interval.lower) * torch.linspace(0, 1, 2001, dtype=torch.float64)
    values = layer(points)
    slopes = torch.linspace(-0.5, 2.0, 1251, dtype=torch.float64).reshape(-1, 1, 1)
    rests = values - slopes * (points - middle)
    best = rests.amax(-1).amin(0) - rests.amin(-1).amax(0)  # of many slopes, with the best intercept for each
    assert bool((height.squeeze(1) <= 1.06 * best + 2 * curve.slack + 2e-3).all())


def test_lines_around_relu_are_the_triangle():
    interval = Interval(
        torch.tensor([[-1.0, -3.0, 1.0, -2.0]]).double(), torch.tensor([[3.0, 1.0, 2.0, -1.0]]).double()
    )
    lines = lines_around(curve_of(nn.ReLU()), interval, 4)
    expected = {
        "lower_slope": [1.0, 0.0, 1.0, 0.0],
        "lower_intercept": [0.0, 0.0, 0.0, 0.0],
        "upper_slope": [0.75, 0.25, 1.0, 0.0],
        "upper_intercept": [0.75, 0.75, 0.0, 0.0],
    }
    for name, numbers in expected.items():
        torch.testing.assert_close(getattr(lines, name), torch.tensor([numbers]).double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
def test_curves_are_the_activations_and_bend_as_they_say(layer):
    curve = curve_of(layer)
    points = torch.linspace(-12, 12, 48001, dtype=torch.float64)
    values = curve.function(points)
    torch.testing.assert_close(values, layer(points), rtol=1e-12, atol=curve.slack + 1e-13)
    bend = values[2:] - 2 * values[1:-1] + values[:-2]
    edges = torch.tensor([-torch.inf, *curve.knots, torch.inf], dtype=torch.float64)
    for start, end, way in zip(edges, edges[1:], curve.bends, strict=False):
        inside = (points[:-2] >= start) & (points[2:] <= end)
        sign = {"linear": 0.0, "convex": 1.0, "concave": -1.0}[way]
        assert bool(((bend * sign)[inside] >= -2e-14).all())
        if way == "linear":
            assert bool((bend[inside].abs() <= 1e-13).all())
