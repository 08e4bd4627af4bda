"""What solvers print is read, whatever they call it."""

from fractions import Fraction

import pytest

from lowland.certification.smt.answers import told, values_in

Z3 = """sat
((n.0.0 (/ 1.0 3.0))
 (n.0.1 (- 2.0)) (|n.x| (- (/ 1.0 8.0))))
"""
CVC5 = "sat\n((n.0.0 (/ 1 3)) (n.0.1 (/ (- 7) 2)))\n"
DREAL = "delta-sat with delta = 0.001\nn.0.0 : [0.25, 0.75]\nn.0.1 : [-1, -1]\nfar : [-inf, inf]\n"
MODEL = "sat\n(model\n  (define-fun n.0.0 () Real (- 0.5))\n)\n"


@pytest.mark.parametrize(
    "output, result, values",
    [
        (Z3, "sat", {"n.0.0": Fraction(1, 3), "n.0.1": Fraction(-2), "|n.x|": Fraction(-1, 8)}),
        (CVC5, "sat", {"n.0.0": Fraction(1, 3), "n.0.1": Fraction(-7, 2)}),
        (DREAL, "delta-sat", {"n.0.0": Fraction(1, 2), "n.0.1": Fraction(-1)}),
        (MODEL, "sat", {"n.0.0": Fraction(-1, 2)}),
    ],
)
def test_models_of_all_solvers(output, result, values):
    assert told(output) == result
    assert values_in(output) == values


def test_an_answer_without_a_model():
    assert told('unsat\n(error "line 9 column 1: model is not available")\n') == "unsat"
    assert told("timeout\n") == told("unknown\n") == "unknown"
    assert told("Segmentation fault") is None


@pytest.mark.parametrize(
    "root, expected",
    [
        ("(root-obj (+ (^ x 2) (- 2)) 2)", 2**0.5),
        ("(root-obj (+ (^ x 2) (- 2)) 1)", -(2**0.5)),
        ("(root-obj (+ (* 8 (^ x 3)) (* (- 4) x) 1) 2)", (5**0.5 - 1) / 4),
        ("(root-obj (+ (* 3 x) (- 6)) 1)", 2.0),
    ],
)
def test_roots_of_polynomials_are_rounded(root, expected):
    assert float(values_in(f"sat\n((n.0.0 {root}))")["n.0.0"]) == pytest.approx(expected, rel=1e-9)
