"""A bad run is refused before it deletes or computes anything."""

import os

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.framework.project import settings
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import ThreadRunner

from lowland import grid, hooks, randomness, raw_tables
from lowland.config_loader import StudyConfigLoader
from lowland.datasets import JSONDataset, TableDataset, TextDataset
from lowland.errors import LowlandError
from lowland.hooks import SELECTIONS, RunGuard
from lowland.raw_tables import check_raw_tables
from lowland.tasks import Task
from lowland.tasks.jets import CLASSES, FEATURES
from tests.studies import default_parameters


def first(raw):
    return raw


PIPELINE = Pipeline(
    [
        Node(first, ["jets.raw"], "jets.measured", name="measure", tags=["landscape"]),
        Node(first, ["jets.measured"], "jets.table", name="gather", tags=["tables", "gather"]),
    ]
)


@pytest.fixture
def project(tmp_path):
    """A project folder with raw data, and the results of an earlier run."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("x = 1\n")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(320, 16)).astype("float32"), columns=FEATURES)
    names = np.repeat(["nominal", "high_pt", "pileup", "smeared"], [200, 40, 40, 40])
    frame = frame.assign(label=[CLASSES[i % 5] for i in range(320)], set=names)
    files = {name: tmp_path / "data" / f"{name}.parquet" for name in ("raw", "measured", "table")}
    catalog = DataCatalog({f"jets.{name}": TableDataset(filepath=str(file)) for name, file in files.items()})
    for name in files:
        catalog.save(f"jets.{name}", frame)
    parameters = default_parameters()
    sizes = {"train_rows": 120, "validation_rows": 20, "landscape_rows": 20, "test_rows": 40}
    grid.set_parameters(parameters | {"tasks": {"jets": parameters["tasks"]["jets"] | sizes}})
    yield tmp_path, catalog, files
    grid.set_parameters(parameters)


def ask(project, *, resume=False, starts=True, makes=(), **selection):
    """A run that makes some tables, each as the runner of the project tells of it."""
    root, catalog, _ = project
    parameters = dict.fromkeys(SELECTIONS) | selection
    guard = RunGuard(lambda: PIPELINE)
    asked = parameters | {
        "project_path": str(root),
        "env": None,
        "only_missing_outputs": resume,
        "runner": "GridRunner",
    }
    chosen = PIPELINE.only_nodes_with_tags(*selection["tags"]) if "tags" in selection else PIPELINE
    try:
        guard.before_pipeline_run(asked, chosen, catalog)
        if starts:
            guard.before_first_node()
        for name, frame in dict(makes).items():
            catalog.save(f"jets.{name}", frame)
            guard.after_node_saved(next(node for node in chosen.nodes if f"jets.{name}" in node.outputs))
    finally:
        guard.after_pipeline_run(asked, catalog)


ONE = pd.DataFrame({"a": [1]})
BOTH = {"measured": ONE, "table": ONE}


def test_a_full_run_starts_from_a_clean_table(project):
    ask(project)
    _, _, files = project
    assert files["raw"].exists() and not files["measured"].exists() and not files["table"].exists()


def test_a_full_run_clears_the_pictures_of_an_earlier_wider_selection(project):
    root, catalog, _ = project
    unselected = {"jets.plain.s2.ptq4.loss_surface", "jets.plain.pairs.ptq4.mode_connectivity"}
    for name in unselected:
        catalog[name] = TableDataset(filepath=str(root / "data" / f"{name}.parquet"))
        catalog.save(name, pd.DataFrame({"x": [0.0]}))
    ask(project, tags=("landscape",))
    assert all(catalog.exists(name) for name in unselected)
    ask(project)
    assert not any(catalog.exists(name) for name in unselected)


def test_a_part_of_the_study_deletes_nothing(project):
    ask(project, tags=("landscape",))
    assert all(file.exists() for file in project[2].values())


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: f.unlink(), r"raw\.parquet: the file is missing"),
        (lambda f: f.write_bytes(f.read_bytes()[:2000]), r"raw\.parquet: cannot be read .*expected a complete Parquet"),
        (lambda f: pd.read_parquet(f).drop(columns="zlogz").to_parquet(f), "column 'zlogz' is missing"),
        (lambda f: pd.read_parquet(f).assign(zlogz=np.nan).to_parquet(f), "column 'zlogz' has 200 NaN"),
        (lambda f: pd.read_parquet(f).query("label != 't'").to_parquet(f), "class 't' has 0 rows"),
    ],
)
def test_bad_data_are_one_line_and_nothing_is_deleted(project, damage, message):
    damage(project[2]["raw"])
    with pytest.raises(LowlandError, match=message) as caught:
        ask(project)
    assert "\n" not in str(caught.value)
    assert project[2]["measured"].exists() and project[2]["table"].exists()


def test_resuming_the_same_run_is_allowed_and_refreshes_what_was_gathered(project):
    ask(project)
    _, catalog, files = project
    catalog.save("jets.table", pd.DataFrame({"made": ["while a cell was missing"]}))
    ask(project, resume=True)
    assert not files["table"].exists()


def test_resuming_a_complete_run_leaves_everything(project):
    ask(project, makes=BOTH)
    files = project[2]
    ask(project, resume=True)
    assert files["table"].exists() and files["measured"].exists()


def test_resuming_after_a_change_clears_what_is_stale(project, caplog):
    ask(project, makes=BOTH)
    files = project[2]
    (project[0] / "src/code.py").write_text("x = 2\n")
    with caplog.at_level("INFO"):
        ask(project, resume=True)
    assert not files["measured"].exists() and not files["table"].exists() and files["raw"].exists()
    assert "2 of 2 results are made again: the code of landscape, tables has changed since" in caplog.text
    ask(project, makes=BOTH)
    ask(project, resume=True)
    assert files["measured"].exists(), "now on record as of this code"


def test_resuming_what_never_ran_is_refused(project):
    with pytest.raises(LowlandError, match=r"\.run-study is missing"):
        ask(project, resume=True)


def test_a_run_that_is_refused_before_its_first_node_deletes_nothing(project):
    ask(project, starts=False)
    assert all(file.exists() for file in project[2].values())
    with pytest.raises(LowlandError, match=r"\.run-study is missing"):
        ask(project, resume=True)


def test_a_device_that_is_not_there_is_refused_before_anything_is_deleted(project, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    current = grid.current().study
    monkeypatch.setattr(grid.current(), "study", current.model_copy(update={"device": "cuda"}))
    with pytest.raises(LowlandError, match="device is 'cuda'"):
        ask(project)
    assert all(file.exists() for file in project[2].values())


def test_what_a_part_made_after_a_change_is_stale_once_the_change_is_undone(project):
    ask(project)
    (project[0] / "src/code.py").write_text("x = 2\n")
    ask(project, tags=("landscape",))
    project[1].save("jets.measured", pd.DataFrame({"a": [2]}))
    (project[0] / "src/code.py").write_text("x = 1\n")
    ask(project, resume=True)
    assert not project[2]["measured"].exists()


def test_resuming_a_part_after_a_change_clears_what_is_stale_of_that_part(project):
    ask(project)
    _, catalog, files = project
    catalog.save("jets.measured", pd.DataFrame({"a": [1]}))
    (project[0] / "src/code.py").write_text("x = 2\n")
    ask(project, resume=True, tags=("landscape",))
    assert not files["measured"].exists()


def test_a_part_whose_inputs_are_missing_is_one_line(project):
    _, catalog, files = project
    part = Pipeline([Node(first, ["jets.measured"], "jets.shown", name="show", tags=["landscape"])])
    files["measured"].unlink()
    parameters = dict.fromkeys(SELECTIONS) | {"tags": ("landscape",), "project_path": str(project[0]), "env": None}
    catalog["jets.shown"] = TableDataset(filepath=str(project[0] / "shown.parquet"))
    with pytest.raises(LowlandError, match=r"measured\.parquet does not exist .*run the stages before it"):
        RunGuard(lambda: part).before_pipeline_run(parameters | {"only_missing_outputs": False}, part, catalog)


def test_the_published_set_is_fetched_once_and_only_if_it_can_be(project, monkeypatch):
    from lowland.tasks import TaskOptions, jets

    root, catalog, files = project
    study = grid.current().study
    options = TaskOptions(study.tasks["jets"].root.model_copy(update={"source": "openml"}))
    monkeypatch.setattr(grid.current(), "study", study.model_copy(update={"tasks": {"jets": options}}))
    catalog["jets.imported"] = TableDataset(filepath=str(root / "published.parquet"))
    pipeline = Pipeline([Node(first, ["jets.imported"], "jets.measured", name="measure", tags=["landscape"])])
    calls = []

    def fetch():
        calls.append(1)
        return pd.read_parquet(files["raw"]).query("set == 'nominal'")

    monkeypatch.setattr(jets, "fetch_openml_jets", fetch)
    assert check_raw_tables(pipeline, catalog) == check_raw_tables(pipeline, catalog)
    assert len(calls) == 1 and (root / "published.parquet").is_file()


@pytest.fixture
def wafers(tmp_path):
    """A study of wafers from a file that may be there, and its pipeline and catalog."""
    before = default_parameters()
    options = {"kind": "econ", "source": "auto", "path": str(tmp_path / "wafers.csv"), "filters": 8, "latent": 16}
    sizes = {"train_rows": 8, "validation_rows": 4, "landscape_rows": 4, "test_rows": 4, "shifted_rows": 4}
    asked = before | {"tasks": {"econ": options | sizes}, "requirements": {}}
    catalog = DataCatalog({"econ.imported": TableDataset(filepath=str(tmp_path / "imported" / "econ.parquet"))})
    pipeline = Pipeline([Node(first, ["econ.imported"], "econ.measured", name="measure")])
    yield asked, pipeline, catalog
    grid.set_parameters(before)


def test_a_simulation_in_place_of_an_absent_file_is_told_and_stays_one_in_all_nodes(wafers, tmp_path, caplog):
    asked, pipeline, catalog = wafers
    study = grid.set_parameters(asked)
    (tmp_path / "wafers.csv").write_text("it comes while the study runs")
    check_raw_tables(pipeline, catalog)
    assert caplog.text.count("wafers.csv is not there; its data are simulated") == 1
    told = study.added_parameters()
    assert told["tasks"]["econ"]["source"] == "simulated" and "simulated wafers" in told["descriptions"]["econ"]["text"]
    assert [s["name"] for s in told["descriptions"]["econ"]["shifted_sets"]] == [
        "electron",
        "ttbar",
        "jets",
        "high_occupancy",
    ]
    caplog.clear()
    study = grid.set_parameters(asked)
    assert study.added_parameters()["tasks"]["econ"]["source"] == "file" and not study.absent
    assert "wafers from wafers.csv" in study.added_parameters()["descriptions"]["econ"]["text"]


def test_a_table_is_made_again_when_random_numbers_are_made_otherwise(wafers, tmp_path, monkeypatch):
    asked, pipeline, catalog = wafers
    grid.set_parameters(asked)
    check_raw_tables(pipeline, catalog)
    made = (tmp_path / "imported" / "econ.json").read_text()
    other = tmp_path / "randomness.py"
    other.write_text("# another one")
    monkeypatch.setattr(randomness, "__file__", str(other))
    check_raw_tables(pipeline, catalog)
    assert (tmp_path / "imported" / "econ.json").read_text() != made


@pytest.mark.parametrize("environment, folder", [("base", "data"), ("econ", "data/econ"), ("fusion", "data/fusion")])
def test_every_environment_has_its_own_imported_tables(environment, folder):
    loader = StudyConfigLoader(str(grid.ROOT / "conf"), env=environment, **settings.CONFIG_LOADER_ARGS)
    assert loader["catalog"]["{task}.imported"]["filepath"] == f"{folder}/01_raw/imported/{{task}}.parquet"


class Counted(Task):
    """A task whose raw table is made from a file."""

    def __init__(self, source, made):
        self.source, self.made = source, made

    @property
    def sources(self):
        return (self.source,)

    def fetch(self):
        self.made.append(1)
        return pd.read_csv(self.source)

    def check(self, raw, origin):
        if (raw["a"] < 0).any():
            raise LowlandError(f"{origin}: column 'a' is negative")


def test_a_table_made_from_files_is_made_again_when_they_change(project, monkeypatch):
    root, catalog, _ = project
    made, source = [], root / "mine.csv"
    source.write_text("a\n1\n")
    monkeypatch.setattr(Counted, "__abstractmethods__", frozenset())
    monkeypatch.setattr(raw_tables, "build_task", lambda options: Counted(source, made))
    monkeypatch.setattr(type(grid.current()), "raw_table", lambda self, task: f"{task}.imported")
    catalog["jets.imported"] = TableDataset(filepath=str(root / "imported" / "jets.parquet"))
    pipeline = Pipeline([Node(first, ["jets.imported"], "jets.measured", name="measure", tags=["landscape"])])
    before = check_raw_tables(pipeline, catalog)
    assert check_raw_tables(pipeline, catalog) == before and len(made) == 1
    source.write_text("a\n2\n")
    assert check_raw_tables(pipeline, catalog) != before and len(made) == 2
    source.write_text("a\n-2\n")
    with pytest.raises(LowlandError, match=r"^tasks\.jets: column 'a' is negative$"):
        check_raw_tables(pipeline, catalog)
    assert catalog.load("jets.imported")["a"].tolist() == [2]  # what is there is not replaced by what is wrong
    source.unlink()
    with pytest.raises(LowlandError, match=r"mine\.csv: the file is missing; `tasks\.jets` reads it"):
        check_raw_tables(pipeline, catalog)


def test_a_part_that_would_leave_results_of_another_study_is_refused_before_it_deletes(project):
    ask(project, makes=BOTH)
    files = project[2]
    (project[0] / "src/code.py").write_text("x = 2\n")
    with pytest.raises(LowlandError, match=r"the code of landscape has changed since.*--tags landscape,tables"):
        ask(project, tags=("tables",))
    assert files["measured"].exists() and files["table"].exists()
    ask(project, tags=("landscape", "tables"))
    assert not files["measured"].exists() and not files["table"].exists(), "old results would pass for new ones"


@pytest.fixture
def by_dvc(project, monkeypatch):
    """The same study, of which a run of everything is on record; DVC asks for the rest."""
    ask(project, makes=BOTH)
    monkeypatch.setenv("DVC_STAGE", "some")
    return project


def test_dvc_runs_parts_as_it_likes_and_the_record_stays_true(by_dvc, monkeypatch):
    root, _, files = by_dvc
    (root / "src/code.py").write_text("x = 2\n")
    ask(by_dvc, tags=("tables",), makes={"table": ONE})  # a mixture, which is DVC's own business
    monkeypatch.delenv("DVC_STAGE")
    ask(by_dvc, resume=True)
    assert not files["measured"].exists(), "of the code before"


def test_what_another_file_replaced_is_not_on_record(by_dvc, monkeypatch):
    _, catalog, files = by_dvc
    catalog.save("jets.measured", pd.DataFrame({"a": [2]}))  # as `dvc checkout` brings another study's
    with monkeypatch.context() as by_hand:
        by_hand.delenv("DVC_STAGE")
        with pytest.raises(LowlandError, match="measure is not on record"):
            ask(by_dvc, resume=True)
    assert files["measured"].exists()
    ask(by_dvc, resume=True, tags=("landscape",))
    assert not files["measured"].exists(), "under DVC made again"


def test_under_dvc_only_what_is_stale_is_made_again(by_dvc):
    root, _, files = by_dvc
    before = files["measured"].read_bytes()
    files["measured"].write_bytes(before)  # brought back by `dvc checkout`: other time, same bytes
    ask(by_dvc, resume=True, tags=("landscape",))
    assert files["measured"].exists()
    (root / "src/code.py").write_text("x = 2\n")
    ask(by_dvc, resume=True, tags=("landscape",), makes={"measured": ONE})
    (root / "src/code.py").write_text("x = 1\n")
    ask(by_dvc, resume=True, tags=("landscape",))
    assert not files["measured"].exists()


def test_under_dvc_results_without_any_record_are_made_again(by_dvc):
    root, _, files = by_dvc
    for mark in (root / "data").glob(".run-*"):
        mark.unlink()
    ask(by_dvc, resume=True, tags=("landscape",))
    assert not files["measured"].exists() and files["table"].exists()


def test_under_dvc_files_of_recipes_that_are_gone_go_too(by_dvc):
    root, _, _ = by_dvc
    folder = root / "data/07_model_output/measured"
    gone, other = folder / "attacks/jets/gone/s0/fp32.parquet", folder / "noise/jets/gone/s0/fp32.parquet"
    for file in (gone, other):
        file.parent.mkdir(parents=True)
        file.touch()
    ask(by_dvc, resume=True, tags=("perturbation.attacks",), namespaces=("jets",))
    assert not gone.exists() and other.exists(), "each part clears its own folder"


def test_what_a_killed_run_was_at_is_made_again(project):
    root, catalog, files = project
    asked = dict.fromkeys(SELECTIONS) | {"project_path": str(root), "env": None, "only_missing_outputs": False}
    killed = RunGuard(lambda: PIPELINE)
    killed.before_pipeline_run(asked, PIPELINE, catalog)
    killed.before_first_node()
    catalog.save("jets.measured", ONE)
    killed._end_lock()  # as the kernel does; nobody tells of the node
    ask(project, resume=True)
    assert not files["measured"].exists()


def test_a_runner_that_tells_of_no_node_has_its_results_on_record(project):
    root, catalog, files = project
    asked = dict.fromkeys(SELECTIONS) | {"project_path": str(root), "env": None, "only_missing_outputs": False}
    guard = RunGuard(lambda: PIPELINE)
    guard.before_pipeline_run(asked, PIPELINE, catalog)
    guard.before_node_run()
    for name, frame in BOTH.items():
        catalog.save(f"jets.{name}", frame)
    guard.on_pipeline_error(asked, catalog)
    ask(project, resume=True)
    assert files["measured"].exists() and files["table"].exists()


def test_what_was_saved_just_before_an_interrupt_is_on_record(project):
    root, catalog, files = project
    asked = dict.fromkeys(SELECTIONS) | {"project_path": str(root), "env": None, "only_missing_outputs": False}
    guard = RunGuard(lambda: PIPELINE)
    guard.before_pipeline_run(asked, PIPELINE, catalog)
    guard.before_first_node()
    catalog.save("jets.measured", ONE)
    guard.after_interrupt()
    guard._end_lock()  # the process is over: Kedro calls no hook
    ask(project, resume=True)
    assert files["measured"].exists()


def test_a_second_run_in_the_folder_is_refused_and_a_third_may_begin(project):
    root, catalog, files = project
    asked = dict.fromkeys(SELECTIONS) | {"project_path": str(root), "env": None, "only_missing_outputs": False}
    first = RunGuard(lambda: PIPELINE)
    first.before_pipeline_run(asked, PIPELINE, catalog)
    with pytest.raises(LowlandError, match="is running a study there"):
        ask(project)
    assert files["table"].exists()
    first.on_pipeline_error(asked, catalog)
    ask(project)


def test_threads_are_refused_without_the_command_line_too(project):
    root, catalog, _ = project
    asked = dict.fromkeys(SELECTIONS) | {"project_path": str(root), "env": None, "only_missing_outputs": False}
    with pytest.raises(LowlandError, match="threads share torch's random generator"):
        RunGuard(lambda: PIPELINE).before_pipeline_run(asked | {"runner": str(ThreadRunner())}, PIPELINE, catalog)


def test_a_runner_that_is_not_the_projects_starts_from_a_clean_table_too(project):
    root, catalog, files = project
    asked = dict.fromkeys(SELECTIONS) | {"project_path": str(root), "env": None, "only_missing_outputs": False}
    guard = RunGuard(lambda: PIPELINE)
    guard.before_pipeline_run(asked, PIPELINE, catalog)
    guard.before_node_run()
    assert not files["measured"].exists()
    catalog.save("jets.measured", pd.DataFrame({"a": [1]}))
    guard.before_node_run()
    assert files["measured"].exists(), "only what an earlier run left is deleted"
    guard.after_pipeline_run(asked, catalog)


def test_what_made_the_page_is_recorded_and_the_answer_told(project, caplog, monkeypatch):
    caplog.set_level("INFO")
    root, catalog, _ = project
    monkeypatch.setattr(hooks, "closing_lines", lambda found: [f"deploy {found['name']}"])
    reporting = root / "data/08_reporting"
    catalog["summary.report"] = TextDataset(filepath=str(reporting / "report.html"))
    catalog["summary.recommendation"] = JSONDataset(filepath=str(reporting / "recommendation.json"))
    asked = dict.fromkeys(SELECTIONS) | {"project_path": str(root), "env": None, "only_missing_outputs": False}
    guard = RunGuard(lambda: PIPELINE)
    catalog.save("summary.report", "an old page")
    catalog.save("summary.recommendation", {"name": "old"})
    for name in ("report.html", "recommendation.json"):
        os.utime(reporting / name, (1, 1))
    guard.before_pipeline_run(asked, PIPELINE, catalog)
    guard.after_pipeline_run(asked, catalog)
    assert not (reporting / "study.yml").exists() and not caplog.messages, "a run that made no page"
    guard.before_pipeline_run(asked, PIPELINE, catalog)
    catalog.save("summary.report", "a page")
    catalog.save("summary.recommendation", {"name": "qat4"})
    guard.after_pipeline_run(asked, catalog)
    assert yaml.safe_load((reporting / "study.yml").read_text())["parameters"]["seeds"] == {"s0": 0, "s1": 1, "s2": 2}
    assert caplog.messages == ["deploy qat4"]
