"""What the pages say about a network and a task of one's own works as it stands there."""

import re
from pathlib import Path

import pytest
import yaml

from lowland.tasks import Classifier, Task, TaskOptions, build_task
from lowland.tasks.custom import class_mistakes
from lowland.trial import try_task
from tests.tasks.table.tables import turbines

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"train_rows": 400, "validation_rows": 60, "landscape_rows": 60, "test_rows": 140}
TABLE = {"kind": "table", "features": ["wind", "speed"], "target": "bearing", "classes": [0, 1], "missing": "drop"}
INHERITED = {"loss", "sample_losses", "sample_scores", "decisions", "guess_outputs", "guess_score"}


def told(name, heading):
    """Python and YAML of a page, below a heading."""
    text = (ROOT / name).read_text("utf-8").split(heading)[1]
    return [re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1] for language in ("python", "yaml")]


@pytest.mark.parametrize(
    "page, heading, module",
    [("README.md", "**Bring your own network.**", "nets"), ("docs/own.md", "## A network", "their_package.nets")],
)
def test_a_network_of_the_page_is_ready_for_a_study(page, heading, module, package, tmp_path):
    source, parameters = told(page, heading)
    package.write(module, source)
    turbines().to_csv(tmp_path / "turbines.csv", index=False)
    asked = TABLE | SIZES | yaml.safe_load(parameters) | {"path": str(tmp_path / "turbines.csv")}
    assert asked["network"] == f"{module}:build"
    findings = try_task(build_task(TaskOptions.model_validate(asked)), name="turbines")
    assert findings.mistakes == [] and dict(findings.notes)["network"].startswith(f"{module}:build: ")


def test_the_readme_needs_no_more_than_25_lines():
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index("**Bring your own network.**") : text.index("**Add a recipe, a seed")]
    assert part.strip().count("\n") < 25


def test_the_page_and_the_example_have_the_same_task(package):
    text = (ROOT / "docs/own.md").read_text("utf-8").split("## A task")[1]
    said = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])["tasks"]["gestures"]
    file = yaml.safe_load((ROOT / "examples/gestures/parameters_axes.yml").read_text())["tasks"]["gestures"]
    asked = TaskOptions.model_validate(said)
    assert asked == TaskOptions.model_validate(file)
    assert f"--options '{{{', '.join(f'{k}: {v}' for k, v in said['options'].items())}}}'" in text


def test_the_table_names_all_that_a_task_can_supply(package):
    classes = "class A(Task): pass\n\nclass B(Classifier): pass\n"
    package.write("theirs", f"from lowland.tasks import Classifier, Task\n\n{classes}")
    table = (ROOT / "docs/own.md").read_text("utf-8").split("## A task")[1].split("## ")[0]
    named = set(re.findall(r"`(\w+)", "\n".join(line for line in table.splitlines() if line.startswith("| `"))))
    for path in ("theirs:A", "theirs:B"):
        absent = class_mistakes(path)[0].partition(" lacks ")[2].partition(";")[0].split(", ")
        assert set(absent) <= named
    assert Task.__abstractmethods__ - Classifier.__abstractmethods__ == INHERITED
    assert set(Task.__annotations__) - {"detail_measures", "obtained_from"} <= named
