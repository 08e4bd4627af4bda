"""Layers element by element, embeddings, moved ranges of codes, and layers that share their tensors."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.affine_step import AffineStep
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.operations import geometry
from lowland.quantization.graph.rounding_steps import Quantize, Requantize, fixed_point
from lowland.quantization.graph.step import INPUTS
from tests.quantization.graphs import GRAPHS


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dim", [-1, -3])
def test_every_channel_has_its_factor(dim: int, per_channel: bool) -> None:
    scale = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64) if per_channel else torch.tensor(0.1).double()
    step = AffineStep(
        "1", ("0",),
        sizes=geometry(Affine(3, dim=dim)),
        weight=torch.tensor([3, -7, 1], dtype=torch.int8), weight_bits=4, weight_scale=scale,
        bias=torch.tensor([100, 0, -5], dtype=torch.int8), bias_bits=8, output_scale=scale * 0.5, accumulator_bits=20,
    )  # fmt: skip
    values = torch.randint(-50, 50, (2, 3, 4, 3), generator=torch.Generator().manual_seed(0))
    found = step.integer(values)
    for i, j, k, m in product(range(2), range(3), range(4), range(3)):
        channel = (i, j, k, m)[dim]
        expected = int(values[i, j, k, m]) * int(step.weight[channel]) + int(step.bias[channel])
        assert int(found[i, j, k, m]) == expected
    assert torch.equal(step.carried(values.float()).long(), found)
    floats = values * torch.tensor(0.5).double()
    torch.testing.assert_close(step(floats), found * step.result_scale(torch.tensor(0.5)))
    torch.testing.assert_close(step.dequantized()(floats), step(floats))
    again = AffineStep.empty("1", ("0",), **json.loads(json.dumps(step.settings())))
    again.load_state_dict(step.state_dict(), assign=True)
    assert again.spec() == step.spec() and torch.equal(again.integer(values), found)


def test_channels_are_counted_from_the_last_dimension() -> None:
    with pytest.raises(ValueError, match="dim is 1; expected one counted from the last"):
        Affine(3, dim=1)


@pytest.mark.parametrize("scale", [torch.tensor(0.3), torch.tensor([[0.3, 0.1, 0.7]])])
def test_rows_of_an_embedding_are_looked_up(scale: torch.Tensor) -> None:
    weight = torch.randint(-8, 8, (5, 3), dtype=torch.int8, generator=torch.Generator().manual_seed(0))
    step = Embedding("e", (INPUTS,), weight=weight, weight_bits=4, weight_scale=scale)
    places = torch.tensor([[0, 4], [2, 2]])
    for inputs in (places, places.float()):
        assert step.integer(inputs).tolist() == [[weight[place].tolist() for place in row] for row in places.tolist()]
        assert torch.equal(step.carried(inputs).long(), step.integer(inputs))
        assert torch.equal(step(inputs), step.integer(inputs) * step.result_scale(torch.ones(())))
        assert torch.equal(step.dequantized()(inputs), step(inputs))
    again = Embedding.empty("e", (INPUTS,), **json.loads(json.dumps(step.settings())))
    assert again.spec() == step.spec()
    network = IntegerNetwork([step])
    assert network.size == 60 and list(network.codes) == ["e.weight"]


@pytest.mark.parametrize("lowest", [-200, -128, 0, 3])
def test_a_zero_point_moves_the_range(lowest: int) -> None:
    scale = torch.tensor(0.25)
    step = Quantize("q", (INPUTS,), bits=8, signed=False, scale=scale, lowest=lowest)
    values = torch.linspace(-100, 100, 999)
    expected = [min(max(round(float(value) / 0.25), lowest), lowest + 255) for value in values]
    assert step.integer(values).tolist() == expected == step.carried(values).tolist()
    assert (
        step.spec()["lowest"] == lowest
        and "lowest" not in Quantize("q", (INPUTS,), bits=8, signed=False, scale=scale).spec()
    )
    multiplier, shift = fixed_point(0.37, accumulator_bits=20)
    again = Requantize("r", ("q",), bits=4, signed=True, scale=scale, multiplier=multiplier, shift=shift, lowest=-3)
    accumulators = torch.arange(-60, 60)
    assert again.integer(accumulators).tolist() == [min(max(round(i * 0.37), -3), 12) for i in range(-60, 60)]
    assert torch.equal(again.carried(accumulators.double()).long(), again.integer(accumulators))
    assert again.channel(0).lowest == -3
    assert Requantize.empty("r", ("q",), **again.settings()).spec() == again.spec()
    smooth = step.dequantized()
    inside = torch.tensor([(lowest + 100) * 0.25, (lowest - 9) * 0.25, (lowest + 300) * 0.25], requires_grad=True)
    smooth(inside).sum().backward()
    assert inside.grad is not None and inside.grad.tolist() == [1, 0, 0]


def test_a_tensor_used_twice_stands_once() -> None:
    network = GRAPHS["tied"].network()
    assert list(network.codes) == ["cell.weight", "cell.bias", "head.weight", "head.bias"]
    assert [key for key in network.state_dict() if "cell2" in key] == ["steps.cell2.output_scale"]
    second = network.spec["steps"][3]
    assert second["tied_to"] == "cell" and second["own"] == {"output_scale": []}
    assert second["tensors"] == {
        "weight": "steps.cell.weight",
        "weight_scale": "steps.cell.weight_scale",
        "output_scale": "steps.cell2.output_scale",
    }
    again = IntegerNetwork.from_spec(json.loads(json.dumps(network.spec)))
    again.load_state_dict(network.state_dict(), assign=True)
    assert again.steps["cell2"].weight is again.steps["cell"].weight
    smooth = network.dequantized()
    assert smooth.get_submodule("cell2").weight is smooth.get_submodule("cell").weight


def test_other_codes_act_in_both_places() -> None:
    network = GRAPHS["tied"].network()
    inputs = GRAPHS["tied"].rows(20)
    before = network.forward_integer(inputs)
    zeros = torch.zeros_like(network.codes["cell.weight"])
    other = network.with_codes({"cell.weight": zeros})
    assert torch.equal(other.integer_values(inputs)["cell"], network.codes["cell.bias"].long().expand(20, 6))
    assert int(other.integer_values(inputs)["cell2"].abs().max()) == 0
    assert torch.equal(network.forward_integer(inputs), before)  # the old network keeps its tie


def test_all_tensors_can_be_shared() -> None:
    first = Linear(
        "a", (INPUTS,), weight=torch.eye(3, dtype=torch.int8), weight_bits=2, weight_scale=torch.tensor(0.5),
        bias=torch.tensor([1, 2, 3], dtype=torch.int8), bias_bits=3, output_scale=torch.tensor(0.5),
        accumulator_bits=20,
    )  # fmt: skip
    tensors: dict[str, Any] = dict.fromkeys(("weight", "weight_scale", "bias", "output_scale"))
    sizes, widths = first.sizes, {"weight_bits": 2, "bias_bits": 3, "accumulator_bits": 20}
    second = Linear("b", ("a",), sizes=sizes, tied_to="a", **tensors, **widths)
    network = IntegerNetwork([first, second])
    values = torch.arange(6).reshape(2, 3)
    assert torch.equal(network.forward_integer(values), values + 2 * torch.tensor([1, 2, 3]))
    assert network.size == 9 * 2 + 3 * 3
    assert network.spec["output"]["scale"] == "steps.a.output_scale"
    assert second.settings()["own"] == {}


def test_ties_that_cannot_be_are_refused() -> None:
    network = GRAPHS["tied"].network()
    spec = network.spec
    del spec["steps"][3]["tensors"]
    spec["steps"][3]["tied_to"] = "state"
    with pytest.raises(LowlandError, match="step 'cell2' is tied to 'state', which has no weight, weight_scale"):
        IntegerNetwork.from_spec(spec)
    spec["steps"][3]["tied_to"] = "head"
    with pytest.raises(LowlandError, match="step 'cell2' takes 'head'; expected steps before it"):
        IntegerNetwork.from_spec(spec)
    spec["steps"][3] |= {"tied_to": "cell", "out_features": 5}
    with pytest.raises(LowlandError, match="step 'cell2' is tied to 'cell', whose weights have another shape"):
        IntegerNetwork.from_spec(spec)


def test_a_step_shares_what_an_earlier_one_of_the_same_tensors_has() -> None:
    network = GRAPHS["tied"].network()
    cell = network.steps["cell"]
    assert isinstance(cell, Linear) and cell.bias is not None
    assert cell.sharing(cell).settings()["own"] == {} and cell.sharing(cell).stored == {}
    other = cell.with_codes({})
    other.output_scale = cell.output_scale * 2
    with pytest.raises(
        LowlandError, match="step 'cell' shares the bias of 'cell' at another step size; expected inputs"
    ):
        other.sharing(cell)
