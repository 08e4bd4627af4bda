"""`make study` writes an environment that is valid and prepares as it stands, for tables as users have them."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn import datasets

from lowland import grid
from lowland.config import validate
from lowland.config_loader import StudyConfigLoader
from lowland.errors import LowlandError
from lowland.tasks import build_task
from scripts.new_study import inspect, main, write
from tests.studies import selected_cells

ROWS = 300


@pytest.fixture
def root(tmp_path):
    """A project folder with the defaults alone."""
    shutil.copytree(grid.ROOT / "conf/base", tmp_path / "project/conf/base")
    return tmp_path / "project"


def saved(frame, path, **options):
    path.parent.mkdir(exist_ok=True, parents=True)
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, **options)
    return path


def study_of(folder):
    loader = StudyConfigLoader(folder.parent, folder.name, base_env="base", default_run_env="base")
    return validate(loader["parameters"], origins=loader.origins), loader["globals"]["data"]


def turbines(seed=0):
    rng = np.random.default_rng(seed)
    wind = rng.normal(8, 2, ROWS)
    wear = np.where(rng.normal(wind, 1) > 8, "worn", "sound")
    return pd.DataFrame({"wind": wind, "speed": rng.normal(size=ROWS), "note": "x", "wear": wear})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    "load, classes, features",
    [
        (datasets.load_wine, {"0", "1", "2"}, 13),
        (datasets.load_diabetes, None, 10),
        (datasets.load_breast_cancer, {"0", "1"}, 30),
    ],
)
def test_well_known_tables_become_studies_that_prepare(root, load, classes, features, suffix):
    table = saved(load(as_frame=True).frame, root.parent / f"known{suffix}", index=False)
    study, data = study_of(write("known", table, "target", root=root))
    (options,) = (each.root for each in study.tasks.values())
    assert data == "data/known" and list(study.tasks) == ["known"]
    assert (set(options.classes) if classes else options.classes) == classes
    task = build_task(options)
    assert task.prepare(task.fetch())["train"].inputs.shape[1] == features
    assert all(selected_cells(grid.Grid(study), name) for name in ("flip_map", "landscape_detail"))


def test_text_classes_gaps_copies_and_row_numbers_are_told(root):
    frame = turbines()
    frame["code"] = (frame["wear"] == "worn") * 3 + 7
    frame.loc[:20, "speed"] = np.nan
    frame.loc[:2, "wear"] = "broken"
    table = saved(frame, root / "tables/turbines.csv")  # with pandas' index
    written = yaml.safe_load((write("turbines", table, "wear", root=root) / "parameters_axes.yml").read_text())
    task = written["tasks"]["turbines"]
    assert task["path"] == "tables/turbines.csv" and task["missing"] == "mean"
    assert task["classes"] == ["sound", "worn"] and task["target"] == "wear"
    assert "code" in task["drop"]
    text = (root / "conf/turbines/parameters_axes.yml").read_text()
    assert "broken (3 rows)" in text and "these hold no numbers and are left out: note" in text


def test_what_is_missing_anywhere_leaves_a_study_that_prepares(root):
    frame = turbines().assign(power=lambda rows: 3 * rows["wind"] + rows["speed"], empty=np.nan)
    frame.loc[5, "speed"], frame.loc[7, "wind"] = np.inf, np.nan
    frame.loc[::9, "power"] = np.nan
    folder = write("turbines", saved(frame, root / "t.csv", index=False), "power", root=root)
    text = (folder / "parameters_axes.yml").read_text()
    assert "missing: mean # 2 gaps in the features, 34 rows without a target; or drop" in text
    assert yaml.safe_load(text)["tasks"]["turbines"]["drop"] == ["empty"]


def test_decimal_commas_are_told_from_thousands(root):
    path = root / "t.csv"
    frame = turbines().drop(columns="note")
    folder = write("turbines", saved(frame, path, index=False, sep=";", decimal=","), "wear", root=root)
    task = build_task(study_of(folder)[0].tasks["turbines"].root.resolved(root))
    assert np.allclose(task.fetch()["wind"], frame["wind"])
    frame["wind"] = [f"{value},000" for value in range(1, ROWS + 1)]
    assert inspect(frame, "wear", origin="t.csv").decimal == "."


def test_a_table_that_does_not_suit_leaves_the_file_to_edit_and_says_so(root):
    table = saved(turbines().replace({"note": {"x": "1"}}), root / "t.csv", index=False)
    table.write_text(table.read_text().replace(",1,", ",one,", 1))
    with pytest.raises(
        LowlandError, match=r"^conf/turbines/parameters_axes\.yml is written .* yet: .*column 'note' holds 'one'.*"
    ):
        write("turbines", table, "wear", root=root)
    assert (root / "conf/turbines/parameters_axes.yml").is_file()


def test_infinite_values_are_gaps_as_they_are_to_the_task(root):
    frame = turbines()
    frame.loc[5, "speed"] = np.inf
    folder = write("turbines", saved(frame, root / "t.csv", index=False), "wear", root=root)
    assert yaml.safe_load((folder / "parameters_axes.yml").read_text())["tasks"]["turbines"]["missing"] == "mean"


@pytest.mark.parametrize(
    "values, classes",
    [
        (np.arange(ROWS) % 2 == 0, [False, True]),
        (np.arange(ROWS) % 3, [0, 1, 2]),
        (np.where(np.arange(ROWS) % 2, "yes", "no"), ["no", "yes"]),
        (np.linspace(0, 1, ROWS), []),
        (np.arange(ROWS) % 50, []),
    ],
)
def test_a_target_is_classes_or_a_number(values, classes):
    frame = turbines().drop(columns="wear").assign(answer=values)
    assert list(inspect(frame, "answer", origin="x.csv").classes) == classes


def test_yes_and_no_are_written_so_that_they_stay_texts(root):
    frame = turbines().replace({"wear": {"worn": "yes", "sound": "no"}})
    folder = write("turbines", saved(frame, root / "t.csv", index=False), "wear", root=root)
    assert yaml.safe_load((folder / "parameters_axes.yml").read_text())["tasks"]["turbines"]["classes"] == ["no", "yes"]


@pytest.mark.parametrize(
    "name, target, message",
    [
        ("turbines", "ware", r"TARGET is 'ware', which .*t\.csv does not have; expected one of wind, .*mean wear\?"),
        ("Turbines", "wear", r"NAME is 'Turbines'; expected lower-case letters"),
        ("base", "wear", r"NAME is 'base', but conf/base exists already; choose another name"),
        ("turbines", "note", r"column 'note' has 1 values, of which 1 in 25 rows or more; expected a target with two"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_nothing_is_written(root, name, target, message):
    table = saved(turbines(), root / "t.csv", index=False)
    before = sorted(root.rglob("*"))
    with pytest.raises(LowlandError, match=message):
        write(name, table, target, root=root)
    assert sorted(root.rglob("*")) == before


def test_a_table_that_is_not_there_and_a_missing_argument_are_one_line(root, capsys):
    with pytest.raises(LowlandError, match=r"TABLE is .*nowhere\.csv, which is no file; expected a table in \.csv"):
        write("turbines", root / "nowhere.csv", "wear", root=root)
    assert main(["--name", "turbines", "--table", "", "--target", "wear"]) == 2
    assert capsys.readouterr().err == "Error: expected make study NAME=turbines TABLE=path/to/table.csv TARGET=column\n"
