import pandas as pd
import pytest
from kedro.io import DatasetError

from lowland.datasets import TableDataset
from lowland.errors import LowlandError
from lowland.measurements import COLUMNS, stack
from tests.datasets.cases import frame


def test_a_table_comes_back_as_it_was(tmp_path):
    data = TableDataset(filepath=str(tmp_path / "a.parquet"))
    data.save(frame())
    pd.testing.assert_frame_equal(data.load(), frame())


def test_an_empty_long_table_keeps_its_schema(tmp_path):
    data = TableDataset(filepath=str(tmp_path / "a.parquet"))
    data.save(stack([]))
    assert list(stack([data.load(), None]).columns) == list(COLUMNS)


def test_the_index_is_not_kept(tmp_path):
    data = TableDataset(filepath=str(tmp_path / "a.parquet"))
    data.save(frame().set_index(pd.Index([7, 9])))
    assert list(data.load().index) == [0, 1]


def test_a_missing_table_is_none_where_that_is_expected(tmp_path):
    data = TableDataset(filepath=str(tmp_path / "a.parquet"), missing_ok=True)
    assert data.load() is None
    data._filepath.write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        data.load()


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(LowlandError, match=r"filepath is .*a\.xlsx; expected a name that ends in \.parquet or \.csv"):
        TableDataset(filepath=str(tmp_path / "a.xlsx"))
