"""Bounds hold for whatever is drawn from the boxes, and are never wider than the better of their two sources."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, Query, RealNetwork
from lowland.certification.relaxation import enclose, smallest
from lowland.certification.relaxation.interval import Interval
from lowland.certification.relaxation.rules import RULES
from tests.certification.relaxation.networks import ACTIVATIONS, SHAPES, dense, draws, made, quantized
from tests.certification.relaxation.scalar_reference import smallest_in_loops

METHODS = ("interval", "crown_ibp", "crown")


def _leaving(query, count=40):
    """How many of the values that are drawn lie outside bounds, and how many there are."""
    enclosures = [enclose(query, method) for method in METHODS]
    outside = seen = 0
    for values in draws(query, count):
        for enclosure in enclosures:
            for name, drawn in values.items():
                interval = enclosure.intervals[name]
                outside += int(((drawn < interval.lower) | (drawn > interval.upper)).sum())
                seen += drawn.numel()
    return outside, seen


@pytest.mark.parametrize("architecture", SHAPES, ids=lambda architecture: architecture.__name__)
def test_nothing_that_is_drawn_leaves_the_bounds(architecture):
    for seed, activation in enumerate(ACTIVATIONS):
        for shift in (0, 100):
            outside, seen = _leaving(made(architecture, activation, seed + shift), 20)
            assert seen and not outside, (seed, activation)


def test_nothing_leaves_the_bounds_of_quantizers_and_factors():
    for seed in range(20):
        outside, seen = _leaving(quantized(seed))
        assert seen and not outside


def test_a_rule_that_forgets_the_box_is_caught(monkeypatch):
    honest = RULES["weighted"]

    def forgetful(enclosure, operation, coefficients):
        still = replace(enclosure, moving={}, query=replace(enclosure.query, box=type(enclosure.query.box)({})))
        return honest.pull(still, operation, coefficients)

    monkeypatch.setitem(RULES, "weighted", replace(honest, pull=forgetful))
    assert _leaving(made(dense, nn.ReLU(), 1))[0]


def _lists(query):
    layers = []
    for name, operation in query.network.operations.items():
        if operation.kind == "weighted":
            tensors = operation.parameters
            radii = [query.box.radius(f"{name}.{each}", tensors[each]) for each in ("weight", "bias")]
            layers.append((tensors["weight"].tolist(), radii[0].tolist(), tensors["bias"].tolist(), radii[1].tolist()))
    return layers


def test_equal_to_loops_over_single_numbers():
    for seed in range(30):
        query = made(dense, nn.ReLU(), seed)
        objectives = torch.tensor([[[1.0, -1.0], [0.3, 2.0], [-1.0, 0.0]]], dtype=torch.float64)
        bounds = smallest(enclose(query, "crown"), objectives)
        for row in range(len(query)):
            for place, objective in enumerate(objectives[0].tolist()):
                expected = smallest_in_loops(
                    _lists(query), objective, query.inputs.lower[row].tolist(), query.inputs.upper[row].tolist()
                )
                assert float(bounds[row, place]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("architecture", SHAPES, ids=lambda architecture: architecture.__name__)
def test_never_wider_than_intervals(architecture):
    gained = False
    for seed in range(6):
        query = made(architecture, nn.ReLU(), seed)
        known = {method: enclose(query, method).intervals for method in METHODS}
        for wider, closer in (("interval", "crown_ibp"), ("interval", "crown"), ("crown_ibp", "crown")):
            outer, inner = known[wider][query.network.output.name], known[closer][query.network.output.name]
            if wider == "interval":  # those of both CROWNs have other slopes: neither must be the better one everywhere
                assert bool((inner.lower >= outer.lower).all() & (inner.upper <= outer.upper).all())
            gained |= bool((inner.lower > outer.lower + 1e-6).any())
    assert gained


def test_boxes_without_extent_give_the_outputs():
    for architecture, activation in ((dense, nn.SiLU()), (dense, nn.ReLU()), (dense, nn.Sigmoid())):
        query = made(architecture, activation, 3)
        fixed = Query.of(query.network, query.inputs.center, None)
        outputs = fixed.network(fixed.inputs.center)
        for method in METHODS:
            interval = enclose(fixed, method).intervals[fixed.network.output.name]
            assert bool((interval.lower <= outputs).all() & (outputs <= interval.upper).all())
            torch.testing.assert_close(interval.upper, interval.lower, rtol=1e-10, atol=1e-10)


def test_wider_boxes_have_wider_bounds():
    query = made(dense, nn.ReLU(), 5)
    for method in METHODS:
        widths = []
        for factor in (0.01, 0.1, 0.5, 1.0, 2.0, 4.0):
            radii = {name: radius * factor for name, radius in query.box.radii.items()}
            interval = enclose(Query.of(query.network, query.inputs, radii), method).intervals[
                query.network.output.name
            ]
            widths.append(interval.upper - interval.lower)
        for narrow, wide in pairwise(widths):
            assert bool((narrow <= wide).all())


def test_exact_results_lie_within_bounds_that_float64_alone_misses():
    torch.manual_seed(0)
    missed = 0
    for _ in range(10):
        network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter *= 10.0 ** torch.randint(-6, 7, parameter.shape)  # sums that cancel
        rows = torch.randn(4, 6)
        real = RealNetwork.of(network, rows)
        query = Query.of(real, rows, None)
        computed = real(rows)[:, 0].tolist()
        bounds = [enclose(query, method).intervals[real.output.name] for method in METHODS]
        for row in range(len(rows)):
            exact = [Fraction(value) for value in rows[row].tolist()]
            for operation in real.operations.values():
                if operation.kind == "weighted":
                    weight, bias = operation.parameters["weight"].tolist(), operation.parameters["bias"].tolist()
                    exact = [
                        sum((Fraction(w) * h for w, h in zip(line, exact, strict=True)), Fraction(b))
                        for line, b in zip(weight, bias, strict=True)
                    ]
                else:
                    exact = [max(value, Fraction(0)) for value in exact]
            missed += Fraction(computed[row]) != exact[0]
            for interval in bounds:
                assert Fraction(float(interval.lower[row, 0])) <= exact[0] <= Fraction(float(interval.upper[row, 0]))
    assert missed > 10


def test_relu_of_the_same_weight_twice_is_exact_only_where_signs_are_known():
    # relu(w * 1) - relu(w * 1) is 0 for every w; intervals forget that both are one and say 0.2.
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1, bias=False)
            nn.init.ones_(self.layer.weight)

        def forward(self, inputs):
            return torch.relu(self.layer(inputs)) - torch.relu(self.layer(inputs))

    def reach(epsilon, method):
        query = Query.of(Twice().eval(), torch.ones(1, 1), epsilon)
        interval = enclose(query, method).intervals[query.network.output.name]
        assert interval.lower <= 0 <= interval.upper
        return float(interval.upper)

    assert reach(0.1, "interval") == pytest.approx(0.2)
    assert reach(0.1, "crown") == pytest.approx(0.0, abs=1e-12)  # the one sum that both take is the same number
    assert reach(2.0, "interval") == pytest.approx(3.0)
    assert 0.1 < reach(2.0, "crown") < 3.0  # either line around ReLU may be the true one: sound, no more


def test_limits_narrow_results_and_tell_rows_without_any():
    query = made(dense, nn.ReLU(), 2)
    names = [name for name, operation in query.network.operations.items() if operation.kind == "weighted"]
    free = enclose(query, "crown").intervals[names[0]]
    low, high = torch.full_like(free.lower, -torch.inf), torch.full_like(free.upper, torch.inf)
    high[0, 0] = free.lower[0, 0] - 1.0  # nothing is so low
    high[1, 1] = most = (free.lower[1, 1] + free.upper[1, 1]) / 2
    limited = enclose(query, "crown", {names[0]: Interval(low, high)})
    assert limited.empty.tolist() == [True, False, False]
    objective = torch.ones(1, 1, 2, dtype=torch.float64)
    assert float(smallest(limited, objective)[0, 0]) == float("inf")
    for values in draws(query, 200):
        if values[names[0]][1, 1] <= most:
            assert values[names[2]][1].sum() >= smallest(limited, objective)[1, 0]
    assert float(limited.intervals[names[0]].upper[1, 1]) == most
    assert bool((limited.intervals[names[1]].lower[1] >= enclose(query, "crown").intervals[names[1]].lower[1]).all())


def test_another_method_is_refused():
    query = made(dense, nn.ReLU(), 0)
    with pytest.raises(ValueError, match="method is 'best'; expected"):
        enclose(query, "best")


def test_all_rows_are_as_each_alone(monkeypatch):
    query = made(dense, nn.Tanh(), 4)
    objective = torch.eye(2, dtype=torch.float64).unsqueeze(0)
    together = smallest(enclose(query, "crown"), objective)
    monkeypatch.setattr("lowland.certification.relaxation.linear_bounds._NUMBERS", 1)
    blocks = smallest(enclose(query, "crown"), objective)
    alone = torch.cat([smallest(enclose(query[slice(row, row + 1)], "crown"), objective) for row in range(3)])
    torch.testing.assert_close(together, blocks, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    assert isinstance(query.inputs, InputBox)
