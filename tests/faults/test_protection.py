from __future__ import annotations

import math
from itertools import combinations, product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.encodings import ENCODINGS
from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.faults import Flips, apply_flips, draw_flips
from lowland.faults.protection import needed_by_simulation, protection_plan, protection_simulator, triplicated_rate
from lowland.faults.sensitivity import clean_metric, flip_sensitivity
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.quantization.networks import rows, twin


def losses(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, targets, reduction="none").double()


def right(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(1) == targets).double()


def rightness(batches):
    """The metric ``right`` of a network [samples]."""
    return lambda network: torch.cat([right(network.deployed_outputs(x), y) for x, y in batches])


@pytest.fixture(scope="module")
def subject():
    network, batches = freeze(twin(4, steps=60)), [rows(200)]
    return network, batches, flip_sensitivity(network, right, batches), float(clean_metric(network, right, batches))


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 0.5])
def test_majorities_of_three_by_enumeration(rate):
    wrong = sum(
        rate ** sum(copies) * (1 - rate) ** (3 - sum(copies)) for copies in product((0, 1), repeat=3) if sum(copies) > 1
    )
    assert triplicated_rate(rate) == pytest.approx(wrong)


def test_bits_are_ordered_by_what_their_flip_costs(subject):
    _, _, found, clean = subject
    plan = protection_plan(found, clean=clean, bit_error_rate=1e-3, floor=0.5)
    costs = torch.stack(
        [
            clean - found[plan.names[t]].flatten(0, -2)[e, p]
            for t, e, p in zip(plan.tensors, plan.elements, plan.positions, strict=True)
        ]
    )
    assert len(plan) == sum(values.numel() for values in found.values())
    assert torch.equal(costs, costs.sort(descending=True).values)
    torch.testing.assert_close(plan.gains, costs * (1e-3 - triplicated_rate(1e-3)))
    assert float(plan.expected[0]) == pytest.approx(clean - 1e-3 * float(costs.sum()))
    assert float(plan.expected[-1]) == pytest.approx(clean - triplicated_rate(1e-3) * float(costs.sum()))


def test_the_least_number_that_holds_the_floor(subject):
    _, _, found, clean = subject
    bare = protection_plan(found, clean=clean, bit_error_rate=1e-2, floor=0.0)
    assert bare.needed == 0
    best = float(bare.expected.max())
    floor = (float(bare.expected[0]) + best) / 2
    plan = protection_plan(found, clean=clean, bit_error_rate=1e-2, floor=floor)
    assert plan.needed and plan.expected[plan.needed] >= floor > plan.expected[plan.needed - 1]
    assert plan.overhead(plan.needed) == 2 * plan.needed
    assert protection_plan(found, clean=clean, bit_error_rate=1e-2, floor=1.0).needed is None


def test_the_sum_of_the_map_is_the_slope_of_the_expected_loss():
    """Held to 3 % at 1e-3 against an expectation over no, all single and all double flips, without any sampling."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        small = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    twin = build_quantized(small, Precision(method="ptq", weight_bits=3, activation_bits=4), input_bits=4)
    inputs = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    calibrate(twin, inputs)
    network, batches = freeze(twin), [(inputs, small(inputs).argmax(1))]
    targets, rate = ("weights",), 1e-3
    names = [name for name in network.codes if name.endswith("weight")]
    bits = [
        (name, element, bit)
        for name in names
        for element in range(network.codes[name].numel())
        for bit in range(network.bits[name])
    ]

    def expected(*places):
        flips = {}
        for name, element, bit in places:
            elements, positions = flips.get(name, ([], []))
            flips[name] = ([*elements, element], [*positions, bit])
        flips = Flips({name: (torch.tensor(a), torch.tensor(b)) for name, (a, b) in flips.items()})
        return float(clean_metric(apply_flips(network, flips), losses, batches))

    n, clean = len(bits), float(clean_metric(network, losses, batches))
    single = sum(expected(place) - clean for place in bits)
    pairs = [expected(*pair) - clean for pair in combinations(bits, 2)]
    rise = rate * (1 - rate) ** (n - 1) * single + rate**2 * (1 - rate) ** (n - 2) * sum(pairs)
    rest = 1 - sum(math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in (0, 1, 2))
    found = flip_sensitivity(network, losses, batches, targets=targets)
    slope = sum(float((values - clean).sum()) for values in found.values())
    assert slope == pytest.approx(single) and rest * 2 * max(map(abs, pairs)) < 0.01 * rise  # three and more are rare
    assert rate * slope == pytest.approx(rise, rel=0.03)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_simulation_writes_bits_as_the_map_does(encoding):
    """Against a loop of its own over the same draws."""
    network, batches = freeze(twin(4, bias=False)), [rows(50)]
    codes = {name: values.clamp(min=-7) for name, values in network.codes.items()}  # what sign-magnitude can say
    network = network.with_codes(codes)
    found = flip_sensitivity(network, right, batches, encoding=encoding)
    plan = protection_plan(found, clean=0.5, bit_error_rate=0.05, floor=0.1)
    simulate = protection_simulator(network, rightness(batches), plan, draws=4, encoding=encoding, key=("encoded",))
    simulated = simulate(0)
    values = [
        float(clean_metric(apply_flips(network, drawn, encoding=encoding), right, batches))
        for drawn in (draw_flips(network, key=("encoded", number)).below(0.05) for number in range(4))
    ]
    assert simulated.value == pytest.approx(sum(values) / 4)


def test_bits_are_protected_in_the_order_of_another_harm(subject):
    _, _, found, clean = subject
    harm = {
        name: torch.rand(values.shape, generator=torch.Generator().manual_seed(0)) for name, values in found.items()
    }
    plan = protection_plan(found, clean=clean, bit_error_rate=1e-3, floor=0.5, harm=harm)
    own = torch.stack(
        [
            harm[plan.names[t]].flatten(0, -2)[e, p]
            for t, e, p in zip(plan.tensors, plan.elements, plan.positions, strict=True)
        ]
    )
    assert torch.equal(own, own.sort(descending=True).values)
    usual = protection_plan(found, clean=clean, bit_error_rate=1e-3, floor=0.5)
    assert float(plan.expected[0]) == pytest.approx(float(usual.expected[0]))
    assert float(plan.expected[-1]) == pytest.approx(float(usual.expected[-1]))
    with pytest.raises(LowlandError, match="harm and sensitivity are of different tensors"):
        protection_plan(found, clean=clean, bit_error_rate=1e-3, floor=0.5, harm={})


def test_the_error_of_a_simulation_is_that_of_the_change(subject):
    """Rows that no flip changes add nothing, however unlike they are."""
    network, batches, found, clean = subject
    plan = protection_plan(found, clean=clean, bit_error_rate=1e-9, floor=0.5)
    nothing = protection_simulator(network, rightness(batches), plan, draws=3)(0)
    assert (nothing.value, nothing.standard_error) == (pytest.approx(clean), 0.0)


def test_protection_helps_by_simulation(subject):
    network, batches, found, clean = subject
    plan = protection_plan(found, clean=clean, bit_error_rate=5e-3, floor=0.5)
    values = [protection_simulator(network, rightness(batches), plan, draws=150)(k).value for k in (0, 60, len(plan))]
    assert values[0] + 0.002 < min(values[1:])  # on rows that chose the bits, some may do better than all


def test_plans_are_compared_under_the_same_upsets(subject):
    """Without protection the order of a plan means nothing; a plan for some tensors leaves the others alone."""
    network, batches, found, clean = subject
    reverse = {name: 1 - values for name, values in found.items()}
    plans = [protection_plan(f, clean=clean, bit_error_rate=3e-2, floor=0.5) for f in (found, reverse)]
    first, second = (protection_simulator(network, rightness(batches), plan, draws=5)(0) for plan in plans)
    assert first == second
    some = {name: values for name, values in found.items() if name == "0.weight"}
    plan = protection_plan(some, clean=clean, bit_error_rate=3e-2, floor=0.5)
    flipped = protection_simulator(network, rightness(batches), plan, draws=5)(0)
    assert flipped != first and flipped.value < clean


def test_bisection_finds_the_first_that_holds():
    plan = protection_plan({"a": torch.rand(50, 4)}, clean=1.0, bit_error_rate=0.1, floor=0.7)
    assert needed_by_simulation(lambda k: Estimate(0.5 + k / 200), plan) == 40
    assert needed_by_simulation(lambda k: Estimate(0.9), plan) == 0
    assert needed_by_simulation(lambda k: Estimate(0.1), plan) is None
    assert needed_by_simulation(lambda k: Estimate(0.5 + k / 200, 0.05), plan) == 57  # surely: 1.645 errors above


def test_mistakes_are_told(subject):
    network, batches, found, clean = subject
    with pytest.raises(LowlandError, match=r"bit_error_rate is 0.5; expected above 0 and below 0.5"):
        protection_plan(found, clean=clean, bit_error_rate=0.5, floor=0.5)
    with pytest.raises(LowlandError, match="sensitivity is empty"):
        protection_plan({}, clean=clean, bit_error_rate=0.1, floor=0.5)
    plan = protection_plan(found, clean=clean, bit_error_rate=1e-2, floor=0.5)
    with pytest.raises(LowlandError, match="protected is -1; expected 0 to"):
        protection_simulator(network, rightness(batches), plan)(-1)
    with pytest.raises(LowlandError, match="draws is 1; expected at least 2"):
        protection_simulator(network, rightness(batches), plan, draws=1)(0)
