"""A series of disturbances per cell and family, and the map of all single flips of the cells that parameters select."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowland.measurements import WITH_CODES
from lowland.stages import MEASURED, Expectation, NodeTemplate, Stage, picture, rows

if TYPE_CHECKING:
    from lowland.vocabulary.families import Family

FILE = f"{MEASURED}/flip_map/{{task}}/{{recipe}}/{{seed}}/{{precision}}"


def _disturbing(function: str, name: str, family: Family, options: str, *, where: tuple[str, ...] = ()) -> NodeTemplate:
    """A node and a part of its own for every family, so that a crash or a changed option costs that family alone."""
    return NodeTemplate(
        name=function,
        part=name,
        function=f"lowland.pipelines.perturbation.nodes.{function}",
        level="cell",
        inputs=("params:cell", "params:task", f"params:{options}", "params:half_life", "splits", "model"),
        outputs=(rows(name),),
        expects=(Expectation(family),),
        where=where,
    )


STAGE = Stage(
    name="perturbation",
    nodes=(
        _disturbing("under_noise", "noise", "noise", "input_noise", where=("descriptions.{task}.meets.noise",)),
        _disturbing(
            "with_broken_sensors",
            "sensor_faults",
            "sensor_fault",
            "sensor_faults",
            where=("sensor_faults.levels", "descriptions.{task}.meets.sensor_fault"),
        ),
        _disturbing(
            "with_spoiled_images",
            "image_corruptions",
            "image_corruption",
            "corruptions",
            where=("corruptions.kinds", "descriptions.{task}.meets.image_corruption"),
        ),
        _disturbing(
            "with_spoiled_texts",
            "token_corruptions",
            "token_corruption",
            "token_corruptions",
            where=("token_corruptions.levels", "descriptions.{task}.meets.token_corruption"),
        ),
        _disturbing(
            "under_label_shift",
            "label_shift",
            "shift",
            "label_shift",
            where=("label_shift.ratios", "descriptions.{task}.names_classes"),
        ),
        _disturbing("under_attack", "attacks", "adversarial", "attacks", where=("attacks.kinds",)),
        _disturbing("under_faults", "memory_faults", "bit_flip", "faults", where=("faults.by_fault",)),
        NodeTemplate(
            name="map_flips",
            part="flip_map",
            function="lowland.pipelines.perturbation.nodes.map_flips",
            level="cell",
            selection="flip_map",
            methods=WITH_CODES,
            inputs=("params:cell", "params:task", "params:flip_map", "params:faults.encoding", "splits", "model"),
            outputs=(
                rows("flip_map"),
                picture("flip_map", path=f"{FILE}.flip_map.parquet"),
                picture("protection", path=f"{FILE}.protection.parquet"),
            ),
            expects=(Expectation("bit_flip", "bit_error_slope"),),
        ),
    ),
)
