from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.faults.flip_sensitivity import clean_metric, flip_sensitivity
from lowland.faults.protection import needed_by_simulation, protection_plan, simulated_metric, triplicated_rate
from lowland.quantization import freeze
from tests.quantization.networks import rows, twin


def right(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(1) == targets).double()


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


def test_the_sum_of_the_map_is_the_slope_of_the_expected_metric(subject):
    """At a small rate the simulated drop is the rate times the sum over the map, within its standard error."""
    network, batches, found, clean = subject
    rate = 1e-3
    plan = protection_plan(found, clean=clean, bit_error_rate=rate, floor=0.5)
    simulated = simulated_metric(network, right, batches, plan, protected=0, draws=1500)
    assert abs(simulated.value - float(plan.expected[0])) < 4 * simulated.standard_error + 0.03 * (
        clean - float(plan.expected[0])
    )


def test_protection_helps_by_simulation(subject):
    network, batches, found, clean = subject
    plan = protection_plan(found, clean=clean, bit_error_rate=5e-3, floor=0.5)
    values = [simulated_metric(network, right, batches, plan, protected=k, draws=150).value for k in (0, 60, len(plan))]
    assert values[0] + 0.002 < min(values[1:])  # on rows that chose the bits, some may do better than all


def test_plans_are_compared_under_the_same_upsets(subject):
    """Without protection the order of a plan means nothing; a plan for some tensors leaves the others alone."""
    network, batches, found, clean = subject
    reverse = {name: 1 - values for name, values in found.items()}
    plans = [protection_plan(f, clean=clean, bit_error_rate=3e-2, floor=0.5) for f in (found, reverse)]
    first, second = (simulated_metric(network, right, batches, plan, protected=0, draws=5) for plan in plans)
    assert first == second
    some = {name: values for name, values in found.items() if name == "0.weight"}
    plan = protection_plan(some, clean=clean, bit_error_rate=3e-2, floor=0.5)
    flipped = simulated_metric(network, right, batches, plan, protected=0, draws=5)
    assert flipped != first and flipped.value < clean


def test_bisection_finds_the_first_that_holds():
    plan = protection_plan({"a": torch.rand(50, 4)}, clean=1.0, bit_error_rate=0.1, floor=0.7)
    assert needed_by_simulation(lambda k: Estimate(0.5 + k / 200), plan) == 40
    assert needed_by_simulation(lambda k: Estimate(0.9), plan) == 0
    assert needed_by_simulation(lambda k: Estimate(0.1), plan) is None


def test_mistakes_are_told(subject):
    network, batches, found, clean = subject
    with pytest.raises(LowlandError, match=r"bit_error_rate is 0.5; expected above 0 and below 0.5"):
        protection_plan(found, clean=clean, bit_error_rate=0.5, floor=0.5)
    with pytest.raises(LowlandError, match="sensitivity is empty"):
        protection_plan({}, clean=clean, bit_error_rate=0.1, floor=0.5)
    plan = protection_plan(found, clean=clean, bit_error_rate=1e-2, floor=0.5)
    with pytest.raises(LowlandError, match="protected is -1; expected 0 to"):
        simulated_metric(network, right, batches, plan, protected=-1)
    with pytest.raises(LowlandError, match="draws is 1; expected at least 2"):
        simulated_metric(network, right, batches, plan, protected=0, draws=1)
