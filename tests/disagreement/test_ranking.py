"""Rows in the order of a score."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.disagreement.ranking import Ranking


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_blocks_hold_equal_scores_and_know_their_rows(rows):
    scores = np.array([score for score, _ in rows], np.float64)
    marked = np.array([mark for _, mark in rows])
    ranking = Ranking.of(torch.from_numpy(scores))
    distinct = np.unique(scores)
    assert scores[ranking.order][ranking.starts].tolist() == distinct.tolist()
    assert ranking.sizes.tolist() == [int((scores == score).sum()) for score in distinct]
    assert ranking.counts(marked).tolist() == [int(marked[scores == score].sum()) for score in distinct]
    assert ranking.of_rows(distinct).tolist() == scores.tolist()


def test_rows_without_a_finite_score_have_no_place():
    for bad in (float("nan"), float("inf"), -float("inf")):
        assert not Ranking.of(torch.tensor([0.0, bad, 1.0, bad]).double()).is_finite
    assert Ranking.of(torch.tensor([0.0]).double()).is_finite
