"""How large a study is, and how much of it gave a result."""

import pandas as pd

from lowland.analysis.grid_size import grid_size
from tests.made_study.first_day import lost


def test_what_was_planned_and_what_lives(small):
    size = grid_size(small)
    assert (size.tasks, size.recipes, size.seeds, size.precisions) == (1, 2, 2, 3)
    assert (size.alive, size.cells, size.rows) == (12, 12, len(small))
    broken = grid_size(lost(small, (small.recipe == "plain") & (small.seed == "s1")))
    assert (broken.alive, broken.cells) == (9, 12)


def test_pairs_of_seeds_are_no_cells(small):
    pairs = small[small.measure == "cka"].assign(seed="pairs")
    size = grid_size(pd.concat([small, pairs], ignore_index=True))
    assert (size.cells, size.seeds) == (12, 2)
