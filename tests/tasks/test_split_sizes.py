import pytest

from lowland.errors import LowlandError
from lowland.tasks.split_sizes import SplitSizes

SIZES = SplitSizes(train_rows=100, validation_rows=10, landscape_rows=10, test_rows=30)


def test_sizes_come_in_the_order_in_which_sets_are_filled():
    assert SIZES.sizes == {"train": 100, "validation": 10, "landscape": 10, "test": 30}


def test_enough_rows_pass_and_too_few_are_told():
    SIZES.check_share(30, least=2, why="two", origin="x")
    with pytest.raises(LowlandError, match="x: 15 nominal rows leave 1 for validation_rows; at least two is needed"):
        SIZES.check_share(15, least=2, why="two", origin="x")
