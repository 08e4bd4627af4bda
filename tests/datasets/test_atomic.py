import os
import pickle

import pytest
from kedro.io import DatasetError

from lowland.datasets import TextDataset
from tests.datasets.cases import CASES, dataset

# Every name but plain text's: any bytes of UTF-8 are a text.
READABLE = [name for name in CASES if name != "text"]


@pytest.mark.parametrize("name", CASES)
def test_equal_content_gives_equal_bytes(tmp_path, name):
    case = CASES[name]
    first, second = dataset(case, tmp_path / "first"), dataset(case, tmp_path / "second")
    assert not first.exists()
    first.save(case.content())
    second.save(case.content())
    assert first.exists()
    assert first._filepath.read_bytes() == second._filepath.read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_what_was_loaded_saves_to_the_same_bytes(tmp_path, name):
    data = dataset(CASES[name], tmp_path)
    data.save(CASES[name].content())
    before = data._filepath.read_bytes()
    data.save(data.load())
    assert data._filepath.read_bytes() == before


@pytest.mark.parametrize("name", CASES)
def test_a_dataset_travels_to_another_process(tmp_path, name):
    data = dataset(CASES[name], tmp_path)
    data.save(CASES[name].content())
    copy = pickle.loads(pickle.dumps(data))
    copy.load()
    assert repr(copy) == repr(data)


@pytest.mark.parametrize("name", READABLE)
def test_a_truncated_file_is_one_line_that_names_it(tmp_path, name):
    data = dataset(CASES[name], tmp_path)
    data.save(CASES[name].content())
    content = data._filepath.read_bytes()
    data._filepath.write_bytes(content[: len(content) // 2] if not name.startswith("csv") else b"")
    with pytest.raises(DatasetError) as caught:
        data.load()
    assert str(data._filepath) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_a_missing_file_is_one_line_that_names_it(tmp_path, name):
    data = dataset(CASES[name], tmp_path)
    with pytest.raises(DatasetError, match=f"{data._filepath} does not exist; run its node first"):
        data.load()


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    text = TextDataset(filepath=str(tmp_path / "a.html"))
    text.save("old")
    with pytest.raises(DatasetError):
        text.save(b"not a text")
    assert text.load() == "old"
    assert os.listdir(tmp_path) == ["a.html"]
