"""One measurement per cell, one comparison of seeds per configuration, pictures of the cells that parameters select."""

from __future__ import annotations

from lowland.stages import MEASURED, Expectation, NodeTemplate, Stage, picture, rows

FILE = f"{MEASURED}/landscape/{{task}}/{{recipe}}/{{seed}}/{{precision}}"
DETAIL = rows("landscape_detail", path=f"{FILE}.detail.parquet")

STAGE = Stage(
    name="landscape",
    nodes=(
        NodeTemplate(
            name="measure_landscape",
            function="lowland.pipelines.landscape.nodes.measure_cell",
            level="cell",
            inputs=("params:cell", "params:task", "params:landscape", "splits", "model"),
            outputs=(rows("landscape"),),
            expects=(Expectation("landscape"),),
        ),
        NodeTemplate(
            name="picture_landscape",
            function="lowland.pipelines.landscape.nodes.picture_cell",
            level="cell",
            selection="landscape_detail",
            inputs=("params:cell", "params:task", "params:landscape_detail", "splits", "model"),
            outputs=(
                DETAIL,
                picture("spectral_density", path=f"{FILE}.spectral_density.parquet"),
                picture("loss_surface", path=f"{FILE}.loss_surface.parquet"),
            ),
            expects=(Expectation("landscape", "negative_spectral_mass"),),
        ),
        NodeTemplate(
            name="compare_seeds",
            function="lowland.pipelines.landscape.nodes.compare_seeds",
            level="group",
            inputs=("params:group", "params:task", "params:landscape", "splits", "model"),
            outputs=(rows("landscape"),),
            expects=(Expectation("landscape", "cka"),),
        ),
        NodeTemplate(
            name="connect_seeds",
            function="lowland.pipelines.landscape.nodes.connect_seeds",
            level="group",
            selection="landscape_detail",
            inputs=("params:group", "params:task", "params:landscape_detail", "splits", "model"),
            outputs=(DETAIL, picture("mode_connectivity", path=f"{FILE}.mode_connectivity.parquet")),
            expects=(Expectation("landscape", "mode_connectivity"),),
        ),
    ),
)
