"""Finished studies are kept, and a table that is of no use is left alone and named."""

import pandas as pd
import pytest

from lowland.decision.recommendation import recommend
from lowland.decision.requirements import TaskRequirements
from lowland.errors import LowlandError
from lowland.runs.studies import FILE, keep_study, known_studies
from tests.made_study.tables import tiny_study


@pytest.fixture(scope="module")
def study():
    table = tiny_study()
    whole = pd.concat([table, table[table.split == "test"].assign(split="selection")], ignore_index=True)
    return whole, recommend(table, TaskRequirements({}))


def test_a_second_study_of_the_task_is_told_where_it_stands(tmp_path, study):
    assert list(keep_study(tmp_path, tmp_path / "data", *study)) == []
    (line,) = keep_study(tmp_path, tmp_path / "data" / "again", *study)
    assert line == f"Beside: jets: score 1 of 2 studies ({FILE})"
    known = known_studies(tmp_path / FILE)
    assert set(known.study) == {"data", "data/again"}
    assert len(list(keep_study(tmp_path, tmp_path / "data", *study))) == 1
    assert len(known_studies(tmp_path / FILE)) == len(known), "in the place of what was known of it"


def test_a_study_that_recommends_nothing_is_kept_without_a_place(tmp_path, study):
    table, found = study
    missed = recommend(table[table.split == "test"], TaskRequirements({"jets": {"needs": [{"at_least": 0.9999}]}}))
    assert list(keep_study(tmp_path, tmp_path / "data", table, found)) == []
    assert list(keep_study(tmp_path, tmp_path / "data" / "missed", table, missed)) == []
    known = known_studies(tmp_path / FILE)
    assert not known[known.study == "data/missed"].recommended.astype(bool).any()


@pytest.mark.parametrize("content", [b"no table", None])
def test_what_is_no_table_of_studies_is_left_as_it_is(tmp_path, study, content):
    path = tmp_path / FILE
    path.parent.mkdir()
    if content is None:
        pd.DataFrame({"study": ["old"]}).to_parquet(path)
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(LowlandError, match=r"studies\.parquet .*move it away"):
        list(keep_study(tmp_path, tmp_path / "data", *study))
    assert path.read_bytes() == before
    assert known_studies(tmp_path / "none.parquet") is None
