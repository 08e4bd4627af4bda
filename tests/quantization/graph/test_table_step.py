from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.graph.functions import FUNCTIONS, activation, make_table
from lowland.quantization.graph.step import CodeFormat
from lowland.quantization.graph.table_step import Table

IN, OUT = torch.tensor(0.13), torch.tensor(0.021)

REFERENCES = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "relu6": lambda x: min(max(x, 0), 6),
    "hardtanh": lambda x: min(max(x, -1), 1),
    "hardsigmoid": lambda x: min(max(x + 3, 0), 6) / 6,
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "softsign": lambda x: x / (1 + abs(x)),
    "exp": math.exp,
}


def table(function: str = "tanh", *, lowest: int = -32, bits: int = 8, **moved: int) -> Table:
    first = moved.get("output_lowest", -(2 ** (bits - 1)))
    entries = make_table(function, {}, CodeFormat(6, lowest, IN), CodeFormat(bits, first, OUT))
    settings = {"function": function, "arguments": {}, "lowest": lowest, "bits": bits, "signed": True, **moved}
    return Table("1", ("0",), table=entries, input_scale=IN, scale=OUT, **settings)


@pytest.mark.parametrize("function", REFERENCES)
def test_every_entry_is_the_rounded_function(function: str) -> None:
    step = table(function)
    for code in range(-32, 32):
        exact = REFERENCES[function](code * float(IN)) / float(OUT)
        found = int(step.integer(torch.tensor(code)))
        assert -128 <= found <= 127
        assert abs(found - min(max(exact, -128), 127)) < 0.5 + 1e-3


def test_floats_are_entries_times_scale() -> None:
    step = table()
    codes = torch.arange(-32, 32)
    assert torch.equal(step(codes * IN), step.integer(codes) * OUT)
    assert torch.equal(step.carried(codes.float()).long(), step.integer(codes))
    assert step.carried(torch.tensor([math.nan])).item() == step.integer(torch.tensor(0)).item()


def test_words_are_counted_from_the_lowest_code() -> None:
    step = table("sigmoid", output_lowest=-5)
    assert step.stored["table"].lowest == -5
    assert int(step.table.min()) >= -5 and int(step.table.max()) == round(float(torch.sigmoid(31 * IN) / OUT))
    assert step.table.dtype == torch.int16  # -5 to 250
    assert table().table.dtype == torch.int8


def test_its_derivative_is_that_of_the_function_within_the_range() -> None:
    step = table("silu", output_lowest=-10)  # results below saturate
    values = (torch.arange(-32, 32) * IN).double().requires_grad_()
    smooth = step.dequantized().double()
    outputs = smooth(values)
    torch.testing.assert_close(outputs.float(), step(values.detach().float()), rtol=1e-6, atol=0)
    (slopes,) = torch.autograd.grad(outputs.sum(), values)
    exact = values.detach().sigmoid() * (1 + values.detach() * (1 - values.detach().sigmoid()))
    codes = (torch.nn.functional.silu(values.detach()) / OUT.double()).round()
    inside = codes >= -10
    assert inside.any() and not inside.all()
    torch.testing.assert_close(slopes, torch.where(inside, exact, 0.0))


def test_other_words_are_other_results() -> None:
    step = table()
    changed = step.table.clone()
    changed[3] = 7
    other = step.with_codes({"table": changed})
    assert int(other.integer(torch.tensor(-29))) == 7
    assert int(step.integer(torch.tensor(-29))) != 7
    assert other.spec() == step.spec()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_one_of_elements(function: str) -> None:
    arguments = {"threshold": {"threshold": 0.5, "value": 0.1}, "clamp": {"min": 0.2}}.get(function, {})
    values = torch.linspace(0.1, 2, 7, dtype=torch.float64)
    alone = torch.stack([activation(function, arguments)(value) for value in values])
    torch.testing.assert_close(activation(function, arguments)(values), alone)


def test_what_has_no_value_is_refused() -> None:
    def made(function: str) -> Tensor:
        return make_table(function, {}, CodeFormat(4, -8, IN), CodeFormat(8, -128, OUT))

    with pytest.raises(LowlandError, match=r"function 'log1p' has no finite value at -1\.04; expected other inputs"):
        made("log1p")
    with pytest.raises(LowlandError, match="function is 'magic'; expected one of sigmoid, tanh"):
        made("magic")
