"""Scripts are what their logic allows: no products of variables, and case splits only where signs are open."""

import re

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, Query
from lowland.certification.smt import deviation_question, margin_question, smt_text
from lowland.certification.smt.answers import expressions_in
from tests.certification.smt.nets import dense

ROW = torch.tensor([[0.5, -0.25]])


def products(expression):
    """The factors of every product."""
    if isinstance(expression, list):
        if expression[:1] == ["*"]:
            yield expression[1:]
        for part in expression:
            yield from products(part)


def variables(expression):
    parts = expression if isinstance(expression, list) else [expression]
    return sum(variables(part) for part in parts) if isinstance(expression, list) else str(expression).startswith("n.")


@pytest.fixture
def question():
    query = Query.of(dense(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), InputBox(ROW - 1, ROW + 1), 0.125)
    return deviation_question(query, change=0.1)


def test_linear_text_multiplies_by_numbers_alone(question):
    script = smt_text(question)
    assert "(set-logic QF_LRA)" in script.text
    assert all(sum(map(variables, factors)) == 1 for one in expressions_in(script.text) for factors in products(one))


def test_polynomial_text_multiplies_changes_by_values(question):
    script = smt_text(question, "polynomial")
    assert "(set-logic QF_NRA)" in script.text
    counts = [sum(map(variables, factors)) for one in expressions_in(script.text) for factors in products(one)]
    assert max(counts) == 2
    assert counts.count(2) == 9  # every weight of both layers; those of the float network are numbers


@pytest.mark.parametrize("encoding", ["linear", "polynomial"])
def test_every_variable_is_declared_once_before_it_is_used(question, encoding):
    text = smt_text(question, encoding).text
    declared = re.findall(r"\(declare-fun (\S+) \(\) Real\)", text)
    assert len(declared) == len(set(declared))
    assert set(re.findall(r"n\.[\w.]+", text)) == set(declared)
    for name in declared:
        assert text.index(f"declare-fun {name} ") == text.index(name) - len("declare-fun ")


def test_behind_a_relu_no_sign_is_open():
    rectified = dense(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    plain = dense(nn.Linear(2, 3), nn.Linear(3, 1))
    texts = [
        smt_text(margin_question(Query.of(network, ROW, 2.0), 0, assigned=1)).text for network in (rectified, plain)
    ]
    assert [".size" in text for text in texts] == [False, True]


def test_equal_questions_have_equal_text(question):
    assert smt_text(question) == smt_text(question)
