"""An environment writes to a folder of its own."""

import pytest

from lowland.errors import LowlandError
from lowland.runs.data_folder import DataFolderLoader


@pytest.fixture
def conf(tmp_path):
    """Two environments beside the base, none of which says where it writes."""
    for name in ("base", "local", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "base/globals.yml").write_text("data: data\nother: 1\n")
    (tmp_path / "base/catalog.yml").write_text('table: {type: MemoryDataset, data: "${globals:data}/table"}\n')
    return tmp_path


def load(conf, env):
    return DataFolderLoader(str(conf), env=env, base_env="base", default_run_env="local")


@pytest.mark.parametrize("env, folder", [(None, "data"), ("base", "data"), ("local", "data"), ("mine", "data/mine")])
def test_an_environment_that_does_not_say_where_it_writes_has_its_own_folder(conf, env, folder):
    loader = load(conf, env)
    assert loader["globals"] == {"data": folder, "other": 1}
    assert loader["catalog"]["table"]["data"] == f"{folder}/table"


def test_what_an_environment_says_holds(conf):
    (conf / "mine/globals.yml").write_text("data: elsewhere\n")
    assert load(conf, "mine")["catalog"]["table"]["data"] == "elsewhere/table"


@pytest.mark.parametrize(
    "said, came", [("", "empty"), ("''", "empty"), ("3", "3"), ("[a]", r"\['a'\]"), ("'  '", "'  '")]
)
def test_no_folder_is_refused_in_one_line(conf, said, came):
    (conf / "mine/globals.yml").write_text(f"data: {said}\n")
    with pytest.raises(LowlandError, match=rf"mine/globals\.yml: data is {came}; expected the folder .* data/mine"):
        load(conf, "mine")


def test_an_empty_folder_in_base_is_refused_too(conf):
    (conf / "base/globals.yml").write_text("data:\n")
    with pytest.raises(LowlandError, match=r"base/globals\.yml: data is empty; expected .* such as data"):
        load(conf, None)
