"""Verdicts are what enumeration says, in both encodings, and no model is believed."""

from fractions import Fraction

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, Query, RealNetwork
from lowland.certification.real_network import Operation, Rounding
from lowland.certification.smt import (
    Solver,
    decide,
    deviation_question,
    margin_question,
    smt_text,
    solver_of,
    verdicts,
)
from lowland.certification.smt.solvers import Answer
from lowland.errors import LowlandError
from tests.certification.smt.nets import dense, margins_of_corners, margins_of_draws, needs_z3

ENCODINGS = ("linear", "polynomial")
ROW = torch.tensor([[0.5, -0.25]])


def verdict(question, encoding="linear", timeout=60):
    needs_z3()
    return decide(question, solver_of("z3"), encoding=encoding, timeout=timeout)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("seed", range(3))
def test_linear_networks_reach_exactly_their_lowest_corner(seed, encoding):
    """Between layers without activation values have both signs: the case split on |h|."""
    query = Query.of(dense(nn.Linear(2, 2), nn.Linear(2, 1, bias=False), seed=seed), ROW, 0.125)
    margins = margins_of_corners(query)
    assigned = int(query.network(ROW) > 0)
    lowest = Fraction(float(margins.min() if assigned else (-margins).min()))  # eighths and sixteenths: exact
    at = verdict(margin_question(query, 1 - assigned, threshold=lowest), encoding)
    assert at.status == "refuted"
    assert at.witness.margin == lowest
    below = margin_question(query, 1 - assigned, threshold=lowest - Fraction(1, 10**12))
    assert verdict(below, encoding).status == "proved"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_boxes_of_inputs_and_weights_together(encoding):
    query = Query.of(
        dense(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)), InputBox(ROW - 0.25, ROW + 0.25), 0.125
    )
    lowest = Fraction(float(margins_of_corners(query).min()))
    at = verdict(margin_question(query, 0, threshold=lowest, assigned=1), encoding)
    assert (at.status, at.witness.margin) == ("refuted", lowest)
    assert (
        verdict(margin_question(query, 0, threshold=lowest - Fraction(1, 10**9), assigned=1), encoding).status
        == "proved"
    )


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.25), nn.Hardtanh(-0.5, 0.5), nn.ReLU6()])
def test_both_encodings_agree_and_no_draw_goes_beyond(activation):
    query = Query.of(dense(nn.Linear(2, 3), activation, nn.Linear(3, 1), seed=5), ROW, 0.125)
    lowest = float(margins_of_draws(query)[0].min())
    for threshold in (lowest - 0.1, lowest - 0.02, lowest + 1e-6):
        question = margin_question(query, 0, threshold=threshold, assigned=1)
        statuses = {verdict(question, encoding).status for encoding in ENCODINGS}
        assert len(statuses) == 1
        if threshold > lowest:
            assert statuses == {"refuted"}
    assert verdict(margin_question(query, 0, threshold=lowest - 0.1, assigned=1)).status == "proved"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_weight_that_acts_twice_is_one_weight(encoding):
    """relu(w) - relu(w) is 0 for every w; intervals say it can be -0.2."""
    network = dense(nn.Conv1d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(2, 1, bias=False))
    network[0].weight.fill_(1.0)
    network[3].weight.copy_(torch.tensor([[1.0, -1.0]]))
    ones = torch.ones(1, 1, 2)
    fixed = Query.of(network, ones, {"0.weight": 0.125})
    question = margin_question(fixed, 0, threshold=-0.125, assigned=1)
    assert smt_text(question, encoding).exact
    assert verdict(question, encoding).status == "proved"
    # Where inputs move too, the interval encoding says only what it knows.
    around = Query.of(network, InputBox(ones, ones + 2**-10), {"0.weight": 0.125})
    question = margin_question(around, 0, threshold=-0.125, assigned=1)
    assert smt_text(question, encoding).exact == (encoding == "polynomial")
    assert verdict(question, encoding).status == {"linear": "unknown", "polynomial": "proved"}[encoding]


class Tied(nn.Module):
    """relu(f(x1)) - relu(f(x2)), f one weight that acts in both."""

    def __init__(self):
        super().__init__()
        self.shared, self.relu, self.last = nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            self.shared.weight.fill_(1.0)
            self.last.weight.fill_(1.0)

    def forward(self, inputs):
        return self.last(self.relu(self.shared(inputs[:, :1])) - self.relu(self.shared(inputs[:, 1:])))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_layer_that_is_called_twice_has_one_weight(encoding):
    """A witness that moves the calls apart is none: at x1 = x2 nothing can change."""
    ones = torch.ones(1, 2)
    for inputs in (ones, InputBox(ones, ones + 2**-10)):
        question = margin_question(
            Query.of(Tied().eval(), inputs, {"shared.weight": 0.125}), 0, threshold=-0.0625, assigned=1
        )
        assert verdict(question, encoding).status == {"linear": "unknown", "polynomial": "proved"}[encoding]


def test_a_counterexample_holds_in_rational_numbers_in_float32_and_in_the_module():
    module = dense(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2), seed=2)
    query = Query.of(module, InputBox(ROW - 0.125, ROW + 0.125), 0.25)
    assigned = int(module(ROW).argmax())
    question = margin_question(query, 1 - assigned, threshold=0.0, assigned=assigned)
    found = verdict(question)
    assert found.status == "refuted"
    witness = found.witness
    assert witness.reaches(question)
    assert witness.reaches_in_float32(question)
    assert all(low <= value <= high for value, (low, high) in zip(witness.inputs, question.inputs, strict=True))
    for name, values in witness.parameters.items():
        original, radii = question.network.parameters[name], question.radii[name]
        assert all(abs(v - o) <= r for v, o, r in zip(values, original, radii, strict=True))
    shapes = {name: tensor.shape for name, tensor in module.named_parameters()}
    moved = {
        name: torch.tensor([float(v) for v in values]).reshape(shapes[name])
        for name, values in witness.parameters.items()
    }
    outputs = torch.func.functional_call(module, moved, (torch.tensor([[float(v) for v in witness.inputs]]),))[0]
    assert float(outputs[assigned] - outputs[1 - assigned]) == pytest.approx(witness.margin_float32, abs=1e-7)
    assert witness.margin_float32 == pytest.approx(float(witness.margin), abs=1e-6)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_confidence_of_a_row_moves_as_far_as_its_corners(encoding):
    query = Query.of(dense(nn.Linear(2, 2), nn.Linear(2, 1, bias=False), seed=1), ROW, 0.125)
    before = query.network(ROW).sigmoid()
    largest = float((margins_of_corners(query).sigmoid() - before).abs().max())
    below = verdict(deviation_question(query, change=largest - 1e-9), encoding)
    assert below.status == "refuted"
    assert largest - 1e-9 < below.witness.change <= largest + 1e-12
    assert verdict(deviation_question(query, change=largest + 1e-9), encoding).status == "proved"


def test_over_an_input_box_cells_get_finer_until_the_witness_holds():
    query = Query.of(dense(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), seed=4), InputBox(ROW - 0.5, ROW + 0.5), 0.125)
    after, before = margins_of_draws(query, draws=50_000)
    sampled = float((after.sigmoid() - before.sigmoid()).abs().max())
    found = verdict(deviation_question(query, change=sampled - 0.01, cells=1))
    assert found.status == "refuted"
    assert found.witness.change > sampled - 0.01
    assert verdict(deviation_question(query, change=sampled + 0.05)).status == "proved"


def test_a_model_that_is_none_is_not_believed(monkeypatch):
    """A delta-sat is no counterexample before its weights are computed again."""
    query = Query.of(dense(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), ROW, 0.125)
    script = smt_text(margin_question(query, 0, threshold=-100.0, assigned=1))
    wrong = Answer("delta-sat", dict.fromkeys(script.asked, Fraction(-1000)), 0.1)
    monkeypatch.setattr(verdicts.Solver, "answer", lambda self, text, timeout: wrong)
    question = margin_question(query, 0, threshold=-100.0, assigned=1)
    told = decide(question, Solver("liar", ()))
    assert told.status == "unknown"
    assert all(
        abs(v - o) <= r
        for name in told.witness.parameters
        for v, o, r in zip(
            told.witness.parameters[name], question.network.parameters[name], question.radii[name], strict=True
        )
    )


def test_quantizers_of_activations_move_by_half_a_step():
    layer, quantizer = nn.Linear(1, 1, bias=False).double().requires_grad_(False), Rounding(0.125, 0.0, 1.0)
    layer.weight.fill_(2.0)
    network = RealNetwork(
        {
            "quantizer": Operation("quantizer", ("inputs",), "rounding", quantizer, (1,), True),
            "dense": Operation("dense", ("quantizer",), "weighted", layer, (1,), True),
        }
    )
    query = Query.of(network, torch.tensor([[0.5]]), None)
    for encoding in ENCODINGS:
        at = verdict(margin_question(query, 0, threshold=0.75, assigned=1), encoding)
        assert at.status == "refuted"
        assert at.witness.margin == Fraction(3, 4)  # 2 * (0.5 - 0.125)
        assert at.witness.margin_float32 == 0.75
        assert at.witness.reference == 1
        assert verdict(margin_question(query, 0, threshold=0.74, assigned=1), encoding).status == "proved"


def test_a_maximum_is_one_of_its_window():
    network = dense(nn.MaxPool1d(2), nn.Flatten(), nn.Linear(2, 1, bias=False))
    network[2].weight.copy_(torch.tensor([[1.0, -1.0]]))
    rows = torch.tensor([[[0.0, 1.0, 2.0, -1.0]]])
    query = Query.of(network, InputBox(rows - 0.25, rows + 0.25), {"2.weight": 0.125})
    lowest = Fraction(3, 4) * Fraction(7, 8) - Fraction(9, 4) * Fraction(9, 8)
    for encoding in ENCODINGS:
        assert verdict(margin_question(query, 0, threshold=lowest, assigned=1), encoding).status == "refuted"
        under = margin_question(query, 0, threshold=lowest - Fraction(1, 1000), assigned=1)
        assert verdict(under, encoding).status == "proved"


def test_ties_belong_to_the_lowest_index():
    network = dense(nn.Linear(1, 2, bias=False))
    network[0].weight.copy_(torch.tensor([[1.0], [0.5]]))
    query = Query.of(network, torch.ones(1, 1), 0.25)  # at worst 0.75 against 0.75
    assert verdict(margin_question(query, 1)).status == "proved"
    mirrored = dense(nn.Linear(1, 2, bias=False))
    mirrored[0].weight.copy_(torch.tensor([[0.5], [1.0]]))
    assert verdict(margin_question(Query.of(mirrored, torch.ones(1, 1), 0.25), 0)).status == "refuted"


def test_time_that_is_over_is_a_verdict():
    query = Query.of(dense(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)), ROW, 0.125)
    question = margin_question(query, 0, threshold=-1.0, assigned=1)
    assert verdict(question, "polynomial", timeout=1e-3).status == "timeout"


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda query: margin_question(query, 5), r"other is 5; expected one of the 3 classes but the assigned one"),
        (lambda query: margin_question(query, 0, assigned=7), "assigned is 7; expected one of the 3 classes"),
        (lambda query: margin_question(query, 0, row=4), "row is 4; expected one of the query's 1"),
        (lambda query: deviation_question(query, change=0.1), "3 outputs; expected 1 or 2"),
        (lambda query: smt_text(margin_question(query, 0, assigned=1), "cubic"), "encoding is 'cubic'"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(ask, message):
    with pytest.raises(LowlandError, match=message):
        ask(Query.of(dense(nn.Linear(2, 3)), ROW, 0.1))


def test_other_numbers_that_cannot_be_asked_are_refused():
    query = Query.of(dense(nn.Linear(2, 1)), InputBox(ROW, ROW + 1), 0.1)
    with pytest.raises(LowlandError, match="change is 1; expected a number above 0 and below 1"):
        deviation_question(query, change=1)
    with pytest.raises(LowlandError, match="assigned is missing"):
        margin_question(query, 0)
