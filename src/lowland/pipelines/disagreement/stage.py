"""One comparison per cell with its float network, and one per configuration between its seeds."""

from __future__ import annotations

from dataclasses import replace

from lowland.stages import Expectation, NodeTemplate, Stage, rows

CLASSIFIERS = ("descriptions.{task}.names_classes",)

BESIDE_FLOAT = NodeTemplate(
    name="compare_with_float",
    function="lowland.pipelines.disagreement.nodes.compare_with_float",
    level="cell",
    where=(*CLASSIFIERS, "precision.deployed_alone"),
    inputs=(
        "params:cell",
        "params:run",
        "params:precision",
        "params:task",
        "params:disagreement",
        "splits",
        "trained",
        "model",
    ),
    outputs=(rows("disagreement"),),
    expects=(Expectation("disagreement"),),
)

STAGE = Stage(
    name="disagreement",
    nodes=(
        BESIDE_FLOAT,
        replace(
            BESIDE_FLOAT,
            name="compare_with_float_and_fake_float",
            where=(*CLASSIFIERS, "precision.fake_float"),
            inputs=(*BESIDE_FLOAT.inputs, "unquantized"),
        ),
        NodeTemplate(
            name="compare_answers_of_seeds",
            function="lowland.pipelines.disagreement.nodes.compare_seeds",
            level="group",
            where=CLASSIFIERS,
            inputs=("params:group", "params:task", "splits", "model"),
            outputs=(rows("disagreement"),),
            expects=(Expectation("disagreement", "churn"),),
        ),
    ),
)
