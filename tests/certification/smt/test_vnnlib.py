"""Text and network are read back, and say of every point of the box what the question says of it."""

import re
from fractions import Fraction

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, Query, RealNetwork
from lowland.certification.real_network import Operation, Rounding
from lowland.certification.smt import (
    decide,
    deviation_question,
    margin_question,
    solver_of,
    write_vnnlib,
)
from lowland.certification.smt.onnx_network import moving_parts, point_of
from lowland.errors import LowlandError
from tests.certification.smt.nets import dense, needs_z3

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

ROW = torch.tensor([[0.5, -0.25]])


def read(text):
    """A tiny reader of VNN-LIB: names, and whether numbers of X and Y fulfil all that is asserted."""
    words = re.findall(r"[()]|[^\s()]+", re.sub(r";.*", "", text))
    stack = [[]]
    for word in words:
        if word == "(":
            stack.append([])
        elif word == ")":
            stack[-2].append(stack.pop())
        else:
            stack[-1].append(word)
    (statements,) = stack
    names = [one[1] for one in statements if one[0] == "declare-const"]

    def holds(formula, values):
        head, *parts = formula
        if head in ("and", "or"):
            return (all if head == "and" else any)(holds(part, values) for part in parts)
        left, right = (values[part] if part in values else float(part) for part in parts)
        return left <= right if head == "<=" else left >= right

    asserted = [one[1] for one in statements if one[0] == "assert"]
    return names, lambda values: all(holds(formula, values) for formula in asserted)


def written(question, tmp_path):
    text, network = write_vnnlib(question, tmp_path / "question")
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    names, holds = read(text.read_text())

    def outputs(point):
        return session.run(None, {"X": point.numpy()})[0][0].tolist()

    def is_counterexample(point):
        values = {f"X_{place}": value for place, value in enumerate(point[0].tolist())}
        return holds(values | {f"Y_{place}": value for place, value in enumerate(outputs(point))})

    assert [name for name in names if name.startswith("X")] == [
        f"X_{place}" for place in range(session.get_inputs()[0].shape[1])
    ]
    assert len([name for name in names if name.startswith("Y")]) == session.get_outputs()[0].shape[1]
    return outputs, is_counterexample


def drawn(query, seed):
    """Inputs and changes of weights, in the boxes."""
    generator = torch.Generator().manual_seed(seed)
    width = query.inputs.upper - query.inputs.lower
    row = query.inputs.lower + width * torch.rand(width.shape, generator=generator).double()
    changes = {
        name: radius * (torch.rand(radius.shape, generator=generator).double() * 2 - 1)
        for name, radius in query.box.radii.items()
    }
    return row, changes


NETWORKS = {
    "dense": (dense(nn.Linear(3, 4), nn.LeakyReLU(0.25), nn.Linear(4, 2)), (3,)),
    "images": (
        dense(
            nn.Conv2d(2, 4, 3, padding=1, stride=2, groups=2, bias=False),
            nn.ReLU6(),
            nn.MaxPool2d(2, padding=1, stride=1),
            nn.AvgPool2d(2),
            nn.ConvTranspose2d(4, 2, 2, stride=2),
            nn.Hardtanh(-2.0, 0.5),
            nn.Flatten(),
            nn.Linear(32, 2),
        ),
        (2, 5, 5),
    ),
    "sequences": (
        dense(nn.Conv1d(2, 3, 2, dilation=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, 2)),
        (2, 6),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_computes_the_margin_for_all_weights_and_inputs(name, tmp_path):
    module, shape = NETWORKS[name]
    rows = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    query = Query.of(module, InputBox(rows - 0.125, rows + 0.125), 0.125)
    question = margin_question(query, 1, threshold=0.25, assigned=0)
    outputs, is_counterexample = written(question, tmp_path)
    for seed in range(5):
        row, changes = drawn(query, seed)
        moved = {key: query.network.parameters[key] + change for key, change in changes.items()}
        expected = query.network(row, moved)[0]
        margin = float(expected[0] - expected[1])
        point = point_of(question, {"inputs": row, **changes})
        assert outputs(point) == pytest.approx([margin], abs=1e-4)
        assert is_counterexample(point) == (margin <= 0.25)
        outside = point_of(question, {"inputs": row + 1, **changes})
        assert not is_counterexample(outside)


def test_of_a_global_question_the_file_has_both_margins(tmp_path):
    query = Query.of(dense(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), InputBox(ROW - 0.5, ROW + 0.5), 0.125)
    question = deviation_question(query, change=0.1, cells=64)
    outputs, is_counterexample = written(question, tmp_path)
    for seed in range(20):
        row, changes = drawn(query, seed)
        moved = {key: query.network.parameters[key] + change for key, change in changes.items()}
        margins = [float(query.network(row, moved)), float(query.network(row))]
        point = point_of(question, {"inputs": row, **changes})
        assert outputs(point) == pytest.approx(margins, abs=1e-5)
        if question.goal.reached(*map(Fraction, margins)):
            assert is_counterexample(point)


def test_a_counterexample_of_the_solver_is_one_of_the_file(tmp_path):
    needs_z3()
    query = Query.of(dense(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), seed=3), ROW, 0.25)
    question = deviation_question(query, change=0.05)
    witness = decide(question, solver_of("z3"), timeout=60).witness
    changes = {
        name: torch.tensor([float(v) for v in values]) - query.network.parameters[name].flatten()
        for name, values in witness.parameters.items()
    }
    outputs, is_counterexample = written(question, tmp_path)
    point = point_of(question, {"inputs": torch.tensor([float(v) for v in witness.inputs]), **changes})
    assert outputs(point) == pytest.approx([float(witness.margin)], abs=1e-5)
    assert is_counterexample(point)
    assert not is_counterexample(point_of(question, {"inputs": ROW}))


def test_quantizers_movements_are_inputs_too(tmp_path):
    layer = nn.Linear(1, 1, bias=False).double().requires_grad_(False)
    layer.weight.fill_(2.0)
    quantizer = Operation("quantizer", ("inputs",), "rounding", Rounding(0.125, 0.0, 1.0), (1,), True)
    network = RealNetwork(
        {"quantizer": quantizer, "dense": Operation("dense", ("quantizer",), "weighted", layer, (1,), True)}
    )
    question = margin_question(Query.of(network, torch.tensor([[0.5]]), None), 0, threshold=0.8, assigned=1)
    assert list(moving_parts(question)) == ["inputs", "quantizer.move"]
    outputs, is_counterexample = written(question, tmp_path)
    low = point_of(question, {"inputs": torch.tensor([0.5]), "quantizer.move": torch.tensor([-0.125])})
    assert outputs(low) == [0.75]
    assert is_counterexample(low)
    assert not is_counterexample(point_of(question, {"inputs": torch.tensor([0.5])}))


def test_a_question_that_nothing_answers_is_written_as_one(tmp_path):
    network = dense(nn.Linear(1, 1, bias=False))
    question = deviation_question(Query.of(network, torch.zeros(1, 1), 0.125), change=0.75)
    assert not written(question, tmp_path)[1](point_of(question, {}))


def test_files_that_exist_are_kept(tmp_path):
    question = margin_question(Query.of(dense(nn.Linear(2, 2)), ROW, 0.1), 0, assigned=1)
    write_vnnlib(question, tmp_path / "a")
    with pytest.raises(LowlandError, match="exists"):
        write_vnnlib(question, tmp_path / "a")
