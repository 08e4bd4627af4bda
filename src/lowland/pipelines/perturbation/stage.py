"""One series of disturbances per cell, and the map of all single flips of those that parameters select."""

from __future__ import annotations

from lowland.stages import Expectation, NodeTemplate, Stage, picture, rows

FILE = "07_model_output/perturbation/{task}/{recipe}/{seed}/{precision}"
WITH_CODES = ("qat", "ptq", "dynamic")

STAGE = Stage(
    name="perturbation",
    nodes=(
        NodeTemplate(
            name="disturb",
            function="lowland.pipelines.perturbation.nodes.disturb",
            level="cell",
            inputs=(
                "params:cell",
                "params:task",
                "params:input_noise",
                "params:sensor_faults",
                "params:corruptions",
                "params:attacks",
                "params:faults",
                "params:half_life",
                "splits",
                "model",
            ),
            outputs=(rows("perturbation"),),
            expects=(
                Expectation("noise"),
                Expectation("bit_flip"),
                Expectation("adversarial", where="attacks.kinds"),
            ),
        ),
        NodeTemplate(
            name="map_flips",
            function="lowland.pipelines.perturbation.nodes.map_flips",
            level="cell",
            selection="flip_map",
            methods=WITH_CODES,
            inputs=("params:cell", "params:task", "params:flip_map", "params:faults.encoding", "splits", "model"),
            outputs=(
                rows("flip_map", path=f"{FILE}.flips.parquet"),
                picture("flip_map", path=f"{FILE}.flip_map.parquet"),
                picture("protection", path=f"{FILE}.protection.parquet"),
            ),
            expects=(Expectation("bit_flip", "bit_error_slope"),),
        ),
    ),
)
