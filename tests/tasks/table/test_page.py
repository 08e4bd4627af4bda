"""What docs/data/tables.md tells users to write makes a task, and nothing but YAML."""

import re
import shutil
from pathlib import Path

import pytest
from kedro.framework.project import settings
from kedro.io import DataCatalog

from lowland import grid
from lowland.config_loader import StudyConfigLoader
from lowland.datasets import TableDataset
from lowland.errors import LowlandError
from lowland.grid import Run
from lowland.pipelines.preparation import stage
from lowland.pipelines.preparation.nodes import prepare
from lowland.pipelines.training.nodes import train_float
from lowland.placing import build
from lowland.raw_tables import check_raw_tables
from lowland.training import TrainingPlan
from tests.studies import default_parameters
from tests.tasks.table.tables import turbines

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def study(tmp_path):
    """The page's environment on the page's file, as the grid of a run; the file is not there yet."""
    page, source = (ROOT / "docs/data/tables.md").read_text(), tmp_path / "turbines.csv"
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf/base", conf / "base")
    (conf / "turbines").mkdir()
    for name, text in re.findall(r"`conf/turbines/(\w+\.yml)`[^`]*```yaml\n(.*?)```", page, re.S):
        (conf / "turbines" / name).write_text(text.replace("../measurements/turbines.csv", str(source)))
    loader = StudyConfigLoader(conf, env="turbines", **settings.CONFIG_LOADER_ARGS)
    yield grid.set_parameters(loader["parameters"]), source
    grid.set_parameters(default_parameters())


def catalog_of(study, folder):
    names = {name: TableDataset(filepath=str(folder / "imported" / f"{name}.parquet")) for name in ("bearing", "power")}
    return DataCatalog({study.raw_table(name): dataset for name, dataset in names.items()})


def test_the_example_is_checked_prepared_and_trained(study, tmp_path):
    study, source = study
    turbines().to_csv(source, index=False)
    pipeline, catalog = build([stage.STAGE], study)["preparation"], catalog_of(study, tmp_path)
    assert check_raw_tables(pipeline, catalog) == check_raw_tables(pipeline, catalog)
    quick = TrainingPlan(epochs=15, batch_size=64, learning_rate=1e-2, schedule="cosine")
    for task, options in study.study.tasks.items():
        splits, _ = prepare(options, catalog.load(study.raw_table(task)))
        recipe = study.study.recipes["plain"]
        run = Run(task=task, recipe="plain", seed="s0", number=0)
        model, curves = train_float(run, options, recipe, quick, "cpu", splits)
        losses = curves["validation_loss"]
        assert model.status == "ok" and losses.min() < 0.6 * losses.iloc[0]
    assert {
        task: [s["name"] for s in told["shifted_sets"]]
        for task, told in study.added_parameters()["descriptions"].items()
    } == {"bearing": ["later"], "power": []}


def test_a_missing_file_is_one_line_with_where_it_comes_from(study, tmp_path):
    study, _ = study
    with pytest.raises(
        LowlandError, match=r"turbines\.csv: the file is missing; `tasks\.bearing` reads it \(see docs/data"
    ):
        check_raw_tables(build([stage.STAGE], study)["preparation"], catalog_of(study, tmp_path))
