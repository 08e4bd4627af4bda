"""Proofs that are stored are checked in rational numbers by code of their own; tampered ones are refused."""

import copy
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification import InputBox, MethodOptions, ProofError, Query, check_proof, margin_bounds, prove_at_most
from lowland.certification.confidence import contrasts
from lowland.certification.encoding.encode import encoded_row
from tests.certification.networks import ACTIVATIONS, Convolving, Skipping, perceptron

OPTIONS = MethodOptions()


def least_margin(query):
    """What is asked of proofs: the row's encoding, the margin's factors and its smallest value by a programme."""
    bounds = margin_bounds(query, 0, OPTIONS)
    encoded = encoded_row(query, 0)
    return encoded, contrasts(len(encoded.outputs), bounds.assigned).numpy()[0], float(bounds.least[0])


def proof_of(query, gap):
    """That the margin is nowhere below its smallest value minus a gap, after a journey through JSON."""
    encoded, factors, least = least_margin(query)
    proof = prove_at_most(encoded.network, encoded.outputs, -factors, -least + gap, timeout=60)
    return None if proof is None else json.loads(json.dumps(proof.stored))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    sizes=st.sampled_from([(2, 4, 1), (2, 4, 3, 1), (2, 3, 3, 3)]),
    radius=st.sampled_from([0.0, 0.3]),
)
def test_what_programmes_prove_is_proved_in_rational_numbers(seed, activation, sizes, radius):
    model = perceptron(seed, sizes, activation)
    x = torch.randn(1, 2) * 0.4
    query = Query.of(model, InputBox(x - radius, x + radius), 0.1)
    encoded, _, least = least_margin(query)
    stored = proof_of(query, 1e-3)
    assert stored is not None
    assert float(check_proof(stored)) == pytest.approx(-least + 1e-3)
    assert len(stored["values"]) == len(encoded.network.lower)
    assert proof_of(query, -1e-3) is None  # a claim that is false has no proof


@pytest.mark.parametrize("model, shape", [(Skipping, (1, 2)), (Convolving, (1, 1, 3, 3))])
def test_skips_convolutions_and_pooling_have_proofs(model, shape):
    torch.manual_seed(3)
    query = Query.of(model().eval(), torch.randn(shape), 0.05)
    check_proof(proof_of(query, 1e-4))


@pytest.fixture(scope="module")
def stored():
    torch.manual_seed(0)
    model = perceptron(5, (2, 5, 4, 1), "leaky")
    x = torch.randn(1, 2) * 0.2
    proof = proof_of(Query.of(model, InputBox(x - 0.5, x + 0.5), 0.15), 1e-3)
    assert "split" in proof["tree"]
    return proof


def leaf_of(tree):
    while "split" in tree:
        tree = tree["positive"]
    return tree


def _better_bound(proof):
    proof["claim"]["bound"] -= 0.01


def _other_weight(proof):
    place = next(place for place, value in reversed(list(enumerate(proof["values"]))) if value["kind"] == "sum")
    proof["values"][place]["bias"] += 0.5
    proof["claim"]["terms"] = [[place, 1.0]]


def _negative_multiplier(proof):
    leaf_of(proof["tree"])["multipliers"][0][2] = -1.0


def _row_that_does_not_hold(proof):
    leaf_of(proof["tree"])["multipliers"].append(["sign", 0, 1.0])


def _branch_taken_twice(proof):
    proof["tree"]["negative"] = copy.deepcopy(proof["tree"]["positive"])


def _no_multipliers(proof):
    leaf_of(proof["tree"])["multipliers"].clear()


def _wider_inputs(proof):
    for value in proof["values"]:
        if value["kind"] == "input":
            value["upper"] += 1.0


@pytest.mark.parametrize(
    "tamper",
    [
        _better_bound,
        _other_weight,
        _negative_multiplier,
        _row_that_does_not_hold,
        _branch_taken_twice,
        _no_multipliers,
        _wider_inputs,
    ],
)
def test_a_tampered_proof_is_refused(stored, tamper):
    check_proof(stored)
    changed = copy.deepcopy(stored)
    tamper(changed)
    with pytest.raises(ProofError):
        check_proof(changed)


INPUT = {"kind": "input", "lower": 0.0, "upper": 1.0}


def _sum(*terms, radius=0.0):
    return {"kind": "sum", "terms": [list(term) for term in terms], "bias": 0.0, "radius": radius, "positive": False}


@pytest.mark.parametrize(
    "values, terms",
    [
        ([INPUT, _sum((0, 1.0, 0.0), (0, 1.0, 0.0))], [[1, 1.0]]),  # 0 to 2
        ([INPUT, _sum((0, 1.0, -0.5))], [[1, 1.0]]),
        ([INPUT, _sum((0, 1.0, 0.0), radius=-0.5)], [[1, 1.0]]),
        ([INPUT, _sum((-1, 1.0, 0.0)), INPUT | {"upper": 0.0}], [[1, 1.0]]),
        ([INPUT, {"kind": "part", "of": 1}], [[1, 1.0]]),
        ([INPUT | {"lower": 2.0}], [[0, 1.0]]),
        ([INPUT], [[0, 1.0], [0, 1.0]]),  # 0 to 2
        ([INPUT], [[-1, 1.0]]),
        ([INPUT | {"kind": "anything"}], [[0, 1.0]]),
    ],
)
def test_values_of_which_anything_would_be_true_are_refused(values, terms):
    below = [["below", place, 1.0] for place, value in enumerate(values) if value["kind"] == "sum"]
    proof = {"claim": {"terms": terms, "bound": 1.0}, "values": values, "tree": {"multipliers": below}}
    with pytest.raises(ProofError, match=r"expected (?!at most)"):
        check_proof(proof)


def test_a_branch_that_is_missing_is_refused(stored):
    changed = copy.deepcopy(stored)
    del changed["tree"]["negative"]
    with pytest.raises((ProofError, KeyError)):
        check_proof(changed)


def test_an_unsound_relaxation_does_not_pass_the_checker(monkeypatch):
    """Rows that are too tight make multipliers that bound nothing."""
    from lowland.certification import proof as prover

    sound = prover.leaf_rows

    def too_tight(*arguments):
        for name, places, matrix, right in sound(*arguments):
            yield name, places, matrix, right - 0.2

    query = Query.of(perceptron(2, (2, 4, 3, 1)), torch.randn(1, 2), 0.2)
    encoded, factors, least = least_margin(query)
    monkeypatch.setattr(prover, "leaf_rows", too_tight)
    proof = prove_at_most(encoded.network, encoded.outputs, -factors, -least - 0.05)
    assert proof is not None
    with pytest.raises(ProofError, match="as claimed"):
        check_proof(proof.stored)


def test_no_time_is_no_proof():
    query = Query.of(perceptron(2, (2, 4, 3, 1)), torch.randn(1, 2), 0.2)
    encoded, factors, least = least_margin(query)
    assert prove_at_most(encoded.network, encoded.outputs, -factors, -least + 0.1, timeout=-1.0) is None


def test_values_that_come_twice_are_one_summand():
    from lowland.certification.encoding.scalar_network import ScalarNetwork

    network = ScalarNetwork()
    inputs = network.add_inputs(np.array([-1.0]), np.array([2.0]))
    doubled = network.add_sums(inputs[[0, 0]], np.array([[1.0, -1.0]]))
    assert network.upper[doubled[0]] <= 1e-9  # u - u is 0, not up to 3
    proof = prove_at_most(network, doubled, np.ones(1), 1e-6)
    check_proof(proof.stored)
