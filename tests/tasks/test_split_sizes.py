from pathlib import Path

import pytest

from lowland.errors import LowlandError
from lowland.tasks import TaskOptions
from lowland.tasks.split_sizes import ClassifierSplitSizes, SplitSizes

SIZES = SplitSizes(train_rows=100, validation_rows=10, landscape_rows=10, test_rows=30)


def test_sizes_come_in_the_order_in_which_sets_are_filled():
    assert SIZES.sizes == {"train": 100, "validation": 10, "landscape": 10, "test": 30}


def test_enough_rows_pass_and_too_few_are_told():
    SIZES.check_share(30, least=2, why="two", origin="x")
    with pytest.raises(LowlandError, match="x: 15 nominal rows leave 1 for validation_rows; at least two is needed"):
        SIZES.check_share(15, least=2, why="two", origin="x")


@pytest.mark.parametrize(
    "task",
    [
        {"kind": "fusion", "source": "file", "path": "mine.x"},
        {"kind": "table", "path": "mine.x", "features": "all", "target": "y", "hidden": [4]},
        {"kind": "econ", "source": "file", "path": "mine.x", "shifted_rows": 9, "filters": 8, "latent": 16},
    ],
    ids=lambda task: task["kind"],
)
def test_files_are_found_from_the_projects_folder_wherever_the_program_was_started(task, tmp_path, monkeypatch):
    asked = TaskOptions.model_validate(SIZES.model_dump() | task)
    assert asked.resolved(tmp_path).root.path == tmp_path / "mine.x"
    monkeypatch.chdir(tmp_path)
    assert asked.resolved(tmp_path) == asked and asked.root.path == Path("mine.x")


@pytest.mark.parametrize("folder", ["{root}/mine", "mine"], ids=["absolute", "of the project"])
def test_data_are_found_in_the_folder_that_the_variable_names(folder, tmp_path, monkeypatch):
    root = tmp_path / "project"
    (root / "mine").mkdir(parents=True)
    (root / "mine/frames.h5").touch()
    monkeypatch.setenv("LOWLAND_DATA", folder.format(root=root))
    options = {"kind": "fusion", "source": "file"}
    for path, expected in (
        ("frames.h5", root / "mine/frames.h5"),
        ("other.h5", root / "other.h5"),  # not there: it is the project's
        (tmp_path / "x.h5", tmp_path / "x.h5"),
    ):
        asked = TaskOptions.model_validate(SIZES.model_dump() | options | {"path": path})
        assert asked.resolved(root).root.path == expected


def test_what_is_drawn_from_the_rest_shrinks_no_other_set_and_wants_rows_that_are_left():
    asked = ClassifierSplitSizes(**SIZES.model_dump(), threshold_rows=50)
    assert asked.sizes == {**SIZES.sizes, "threshold": 50}
    assert ClassifierSplitSizes(**SIZES.model_dump()).sizes == SIZES.sizes
    asked.check_share(152, least=2, why="two", origin="x")  # as many as there are
    for rows, left in ((151, 1), (100, 0)):
        with pytest.raises(
            LowlandError, match=f"x: {rows} nominal rows leave {left} for threshold_rows; at least two is needed"
        ):
            asked.check_share(rows, least=2, why="two", origin="x")


def test_the_second_set_of_the_rest_gets_what_the_first_leaves():
    asked = ClassifierSplitSizes(**SIZES.model_dump(), threshold_rows=50, retraining_rows=40)
    assert list(asked.sizes)[-2:] == ["threshold", "retraining"]
    asked.check_share(202, least=2, why="two", origin="x")
    with pytest.raises(LowlandError, match="x: 201 nominal rows leave 1 for retraining_rows; at least two is needed"):
        asked.check_share(201, least=2, why="two", origin="x")
