"""One float training per run."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.pipelines.training.nodes import train_float

TRAIN = Pipeline(
    [
        Node(
            train_float,
            ["params:run", "params:task", "params:recipe", "params:training", "params:device", "splits"],
            ["trained", "curves"],
            name="train",
            tags=["training"],
        )
    ]
)


def create_pipeline(**_: object) -> Pipeline:
    """Trains every task with every recipe and seed."""
    return grid.joined(
        grid.place(
            TRAIN,
            run.id,
            parameters={
                "run": f"runs.{run.id}",
                "task": f"tasks.{run.task}",
                "recipe": f"recipes.{run.recipe}",
                "training": "training",
                "device": "device",
            },
            inputs={"splits": f"{run.task}.splits"},
        )
        for run in grid.current().runs
    )
