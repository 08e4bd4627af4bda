"""One comparison per cell with its float network, and one per configuration between its seeds."""

from __future__ import annotations

from lowland.stages import Expectation, NodeTemplate, Stage, rows

CLASSIFIERS = ("descriptions.{task}.names_classes",)

STAGE = Stage(
    name="disagreement",
    nodes=(
        NodeTemplate(
            name="compare_with_float",
            function="lowland.pipelines.disagreement.nodes.compare_with_float",
            level="cell",
            where=CLASSIFIERS,
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
        ),
        NodeTemplate(
            name="compare_with_fake_float",
            function="lowland.pipelines.disagreement.nodes.compare_with_fake_float",
            level="cell",
            methods=("qat",),
            where=(*CLASSIFIERS, "quantization.fake_float"),
            inputs=("params:cell", "params:task", "params:disagreement", "splits", "unquantized", "model"),
            outputs=(rows("fake_float"),),
        ),
        NodeTemplate(
            name="compare_control_with_fake_float",
            function="lowland.pipelines.disagreement.nodes.compare_with_fake_float",
            level="cell",
            methods=("ptq",),
            where=(*CLASSIFIERS, "quantization.fake_float", "precision.fine_tuned"),
            inputs=("params:cell", "params:task", "params:disagreement", "splits", "unquantized", "model"),
            outputs=(rows("fake_float"),),
        ),
        NodeTemplate(
            name="compare_with_runtimes",
            function="lowland.pipelines.disagreement.nodes.compare_with_runtimes",
            level="cell",
            methods=("qat", "ptq", "imported"),
            where=(*CLASSIFIERS, "disagreement.runtimes"),
            inputs=("params:cell", "params:task", "params:disagreement", "splits", "model"),
            outputs=(rows("runtimes"),),
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
