"""Closes every namespace with its table; the last one is the long table of the study."""

from __future__ import annotations

from lowland.stages import Artifact, Level, NodeTemplate, Stage

FUNCTIONS, FRAMES = "lowland.pipelines.tables.nodes", "lowland.pipelines.frames.gather_frames"
PREPARED = ("references", "inputs")  # what is known of a task before any training


def _gather(name: str, level: Level, path: str, *, function: str = FRAMES, figure: str = "") -> NodeTemplate:
    """What gathers one table; its inputs follow from all other stages."""
    return NodeTemplate(
        name=f"gather_{name}",
        function=function,
        level=level,
        inputs=(),
        outputs=(
            Artifact(
                name=name,
                kind="picture" if figure else "table",
                path=f"07_model_output/{path}.parquet",
                layer="model output",
                figure=figure,
                missing_ok=True,
            ),
        ),
        gathers=True,
    )


RUN = _gather("table", "run", "tables/{task}/{recipe}/{seed}", function=f"{FUNCTIONS}.gather")
PAIRS = _gather("table", "pairs", "tables/{task}/{recipe}/{seed}", function=f"{FUNCTIONS}.gather")
RECIPE = _gather("table", "recipe", "tables/{task}/{recipe}", function=f"{FUNCTIONS}.gather")
RECIPE_LEARNING = _gather("learning", "recipe", "learning/{task}/{recipe}")
RECIPE_PICTURES = _gather("{picture}_pictures", "recipe", "pictures/{task}/{recipe}/{picture}", figure="{picture}")
TASK = _gather("table", "task", "tables/{task}", function=f"{FUNCTIONS}.gather")
TASK_LEARNING = _gather("learning", "task", "learning/{task}")
TASK_PICTURES = NodeTemplate(
    name="gather_pictures",
    function=f"{FUNCTIONS}.gather_pictures",
    level="task",
    inputs=PREPARED,
    outputs=(
        Artifact(
            name="pictures",
            kind="table",
            path="07_model_output/pictures/{task}.parquet",
            layer="model output",
            missing_ok=True,
            remark="of every kind; the recipes' own ones are shown as figures",
        ),
    ),
    gathers=True,
)
CLOSE = NodeTemplate(
    name="close_study",
    function=f"{FUNCTIONS}.close_study",
    level="study",
    inputs=("params:everything", "table"),
    outputs=(
        Artifact(name="measurements", kind="table", path="08_reporting/measurements.parquet", layer="reporting"),
        Artifact(
            name="vocabulary",
            kind="json",
            path="08_reporting/vocabulary.json",
            layer="reporting",
            remark="what the names in the long table mean",
        ),
    ),
    gathers=True,
)
REFERENCES = NodeTemplate(
    name="gather_references",
    function=f"{FUNCTIONS}.gather_references",
    level="study",
    inputs=("params:tasks", "pictures"),
    outputs=(Artifact(name="references", kind="table", path="08_reporting/references.parquet", layer="reporting"),),
    gathers=True,
)
INPUTS = NodeTemplate(
    name="gather_inputs",
    function=f"{FUNCTIONS}.gather_inputs",
    level="study",
    inputs=("params:tasks", "pictures"),
    outputs=(Artifact(name="inputs", kind="json", path="08_reporting/inputs.json", layer="reporting"),),
    gathers=True,
)

STAGE = Stage(
    name="tables",
    nodes=(
        *(RUN, PAIRS, RECIPE, RECIPE_LEARNING, RECIPE_PICTURES),
        *(TASK, TASK_LEARNING, TASK_PICTURES),
        *(CLOSE, REFERENCES, INPUTS),
    ),
    builder="lowland.pipelines.tables.gathers.gathers",
)
