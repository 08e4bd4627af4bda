from pathlib import Path

import pytest

from lowland.errors import LowlandError, MistakesError
from lowland.tasks import Task, TaskOptions, build_task, preprocessing_from
from lowland.tasks.custom import class_mistakes, declaration_mistakes, options_of
from lowland.tasks.obtaining import origin_of
from tests.own_package import SIZES

GESTURES = {"kind": "custom", "task": "gestures:Gestures", "options": SIZES}
THEIRS = """
from pathlib import Path
from pydantic import BaseModel
from gestures import Gestures, Options
from lowland.tasks import Task

class Half(Task):
    class Options(BaseModel):
        width: int = 3
    score_name = "acuracy"
    def loss(self, outputs, targets): ...

class NoOptions(Gestures):
    Options = None

class Wrong(Gestures):
    score_name = "acuracy"
    is_classifier = 1
    description = ""
    input_kind = "sound"
    shifted_sets = ["later"]
    @property
    def num_outputs(self):
        return {}["outputs"]

class WithFile(Gestures):
    class Options(Options):
        path: Path
    @property
    def sources(self):
        return (self.options.path,)

class Fails(Gestures):
    def __init__(self, options):
        raise RuntimeError("no sensor")

def function(options): ...
"""


@pytest.fixture
def theirs(package):
    package.write("theirs", THEIRS)
    return package


def test_options_are_those_of_the_class_with_its_defaults(package):
    asked = TaskOptions.model_validate(GESTURES)
    assert asked.root.options == SIZES | {"noise": 0.3, "channels": 6}
    assert TaskOptions.model_validate(asked.model_dump(mode="json")) == asked
    task = build_task(asked)
    assert isinstance(task, Task) and task.options.train_rows == 120 and task.num_outputs == 4
    assert task.about.text.startswith("The task: gestures")
    assert asked.own_code == ("gestures:Gestures", "gestures:Network")


def test_every_wrong_option_is_a_line(package):
    with pytest.raises(MistakesError) as error:
        options_of("gestures:Gestures", {"train_rows": "many", "validation_rows": 3, "chanels": 4, "test_rows": 0})
    assert [line.partition(";")[0] for line in error.value.lines] == [
        "options.train_rows: got 'many'",
        "options.landscape_rows is missing",
        "options.test_rows: got 0",
        "options.chanels is no option of the class's Options",
    ]
    assert error.value.lines[-1].endswith("did you mean channels?")


def test_all_that_a_class_lacks_is_told_at_once(theirs):
    (line,) = class_mistakes("theirs:Half")
    absent = ("check", "decisions", "guess_outputs", "guess_score", "network_spec", "num_outputs", "prepare")
    names = ", ".join((*absent, "sample_losses", "sample_scores"))
    assert line == f"theirs:Half lacks {names}; see lowland.tasks.Task for what each returns"
    assert class_mistakes("theirs:NoOptions")[0].startswith("theirs:NoOptions has no options model; expected")
    for path in ("theirs:function", "theirs:BaseModel"):
        assert class_mistakes(path) == [
            f"{path} is no task; expected a class that inherits from lowland.tasks.Task (or Classifier)"
        ]
    assert class_mistakes("gestures:Gestures") == []


def test_all_that_is_wrong_with_what_a_task_says_of_itself_is_told_at_once(theirs):
    with pytest.raises(MistakesError) as error:
        options_of("theirs:Wrong", SIZES)
    (line,) = error.value.lines
    for part in (
        "score_name is 'acuracy'; expected one of accuracy, emd, vector_error, absolute_error; did you mean accuracy?",
        "is_classifier is 1; expected True or False",
        "description is ''",
        "input_kind is 'sound'; expected one of features, image, tokens",
        "shifted_sets is ['later']; expected a tuple of lowland.tasks.ShiftedSet",
        "num_outputs fails: KeyError: 'outputs' (",
    ):
        assert f"Wrong.{part}" in line
    assert declaration_mistakes(build_task(TaskOptions.model_validate(GESTURES))) == []


def test_a_class_that_cannot_be_made_is_one_line_with_its_place(theirs):
    with pytest.raises(LowlandError, match=r"theirs:Fails fails with options .*RuntimeError: no sensor \(.*theirs.py"):
        options_of("theirs:Fails", SIZES)


def test_paths_are_found_from_the_project_and_from_the_data_folder(theirs, tmp_path, monkeypatch):
    asked = TaskOptions.model_validate(
        {"kind": "custom", "task": "theirs:WithFile", "options": SIZES | {"path": "mine.x"}}
    )
    assert build_task(asked.resolved(tmp_path)).sources == (tmp_path / "mine.x",)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mine.x").touch()
    monkeypatch.setenv("LOWLAND_DATA", "data")
    assert build_task(asked.resolved(tmp_path)).sources == (tmp_path / "data/mine.x",)
    assert build_task(asked).sources == (Path("mine.x"),)


def test_code_of_ones_own_decides_the_raw_table_with_that_of_the_classes_above(theirs):
    asked = options_of("theirs:WithFile", SIZES | {"path": __file__})
    assert asked.own_code == ("theirs:WithFile", "gestures:Gestures", "gestures:Network")
    before = origin_of(build_task(asked), TaskOptions(asked), "mine")
    theirs.write("theirs", THEIRS + "\n# another comment\n")
    after = origin_of(build_task(asked), TaskOptions(asked), "mine")
    assert before.pop("own_code") != after.pop("own_code") and before == after


def test_a_preprocessing_of_ones_own_is_read_from_its_record(package):
    package.write(
        "theirs",
        "import torch\nfrom typing import Literal\nfrom lowland.tasks import Preprocessing\n\n"
        "class Scaled(Preprocessing):\n"
        "    kind: Literal['theirs:Scaled'] = 'theirs:Scaled'\n"
        "    by: float\n"
        "    def apply(self, raw): return torch.as_tensor(raw) / self.by\n"
        "    def predictions(self, outputs): return outputs.numpy()\n",
    )
    read = preprocessing_from({"kind": "theirs:Scaled", "by": 2.0})
    assert float(read.apply([4.0])) == 2.0 and preprocessing_from(read.model_dump(mode="json")) == read
    with pytest.raises(LowlandError, match="gestures:Gestures is no preprocessing"):
        preprocessing_from({"kind": "gestures:Gestures"})
