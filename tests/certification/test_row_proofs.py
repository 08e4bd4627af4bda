"""Certified rows carry proofs that are of this network, this box and this row, and of all margins."""

import copy
import json

import pytest
import torch

from lowland.certification import MethodOptions, ProofError, Query, answer_of
from lowland.certification.row_proofs import check_row, prove_row
from tests.certification.networks import perceptron

OPTIONS = MethodOptions()


def asked(seed, sizes, epsilon=0.02):
    rows = torch.randn(3, 2, generator=torch.Generator().manual_seed(seed))
    return Query.of(perceptron(seed, sizes), rows, epsilon)


@pytest.mark.parametrize("sizes", [(2, 4, 1), (2, 4, 2), (2, 5, 4, 3)])
def test_rows_are_proved_exactly_where_programmes_are_certain(sizes):
    answers = []
    for seed in range(4):
        query = asked(seed, sizes, [0.02, 0.3][seed % 2])
        for row in range(len(query)):
            proofs = prove_row(query, row, OPTIONS)
            answers.append(answer_of(query, row, OPTIONS))
            assert (proofs is not None) == (answers[-1] == "certain")
            if proofs is not None:
                check_row(query, row, json.loads(json.dumps(proofs)))
    assert {"certain", "changes"} <= set(answers)


def test_proofs_of_anything_else_are_refused():
    query = asked(1, (2, 4, 3))
    row = next(row for row in range(3) if prove_row(query, row, OPTIONS))
    proofs = json.loads(json.dumps(prove_row(query, row, OPTIONS)))
    with pytest.raises(ProofError, match="about other values"):
        check_row(asked(1, (2, 4, 3), 0.03), row, proofs)  # a larger box
    with pytest.raises(ProofError, match="about other values"):
        check_row(query, (row + 1) % 3, proofs)
    with pytest.raises(ProofError, match="1 proofs; expected 2"):
        check_row(query, row, proofs[:1])
    with pytest.raises(ProofError, match="claims something else"):
        check_row(query, row, [proofs[0], proofs[0]])
    weaker = copy.deepcopy(proofs)
    weaker[0]["claim"]["bound"] = 1.0
    with pytest.raises(ProofError, match="claims something else"):
        check_row(query, row, weaker)


def test_without_time_nothing_is_proved():
    assert prove_row(asked(1, (2, 8, 8, 3), 0.05), 0, MethodOptions(timeout=1e-9)) is None
