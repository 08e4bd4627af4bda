"""The nodes that gather what all other stages make: which tables each reads follows from the declarations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from kedro.pipeline import Node

from lowland.config import PAIRS
from lowland.measurements import WORST_CASE
from lowland.pipelines.tables import stage
from lowland.placing import Place, Placing, places_of
from lowland.stages import NodeTemplate


def gathers(placing: Placing) -> list[Node]:
    """The tables of runs, pairs of seeds, recipes and tasks, and the long table of the study.

    Args:
        placing: Knows what the stages before make.
    """
    study, nodes = placing.study, []
    usual, selected = _rows(placing)
    made = [artifact for known in placing.stages for _, artifact in known.artifacts]
    kinds = list(dict.fromkeys(artifact.name for artifact in made if artifact.gathered == "pictures"))

    def gather(template: NodeTemplate, place: Place, inputs: list[str], name: str = "") -> None:
        there = [each for each in inputs if each in placing.made]
        nodes.append(placing.node(stage.STAGE, template, place, there, name=name))

    for template in (stage.RUN, stage.PAIRS):
        for place in places_of(template.level, study):
            here, own = place.namespace, (*study.precisions_of(place.recipe), WORST_CASE)
            tables = [f"{here}.{precision}.{name}" for precision, name in product(own, usual)]
            tables += [f"{here}.{precision}.{name}" for name, precision in product(selected, own)]
            documents = [f"{here}.{precision}.{name}" for name, precision in product(_documents(placing), own)]
            gather(template, place, [*tables, *documents])
    for place in places_of("recipe", study):
        here, own = place.namespace, study.precisions_of(place.recipe)
        children = [*study.seeds, PAIRS]
        gather(stage.RECIPE, place, [f"{here}.{child}.table" for child in children])
        curves = [f"{here}.{seed}.curves" for seed in study.seeds]
        curves += [f"{here}.{seed}.{precision}.curves" for seed, precision in product(study.seeds, own)]
        gather(stage.RECIPE_LEARNING, place, curves)
        for kind in kinds:
            owners = [f"{here}.{child}.{precision}.{kind}" for child, precision in product(children, own)]
            gather(stage.RECIPE_PICTURES, place, owners, name=f"{kind}_pictures")
    for place in places_of("task", study):
        children = [f"{place.task}.{recipe}" for recipe in study.recipes]
        gather(stage.TASK, place, [f"{child}.table" for child in children])
        gather(stage.TASK_LEARNING, place, [f"{child}.learning" for child in children])
        nodes.append(placing.node(stage.STAGE, stage.TASK_PICTURES, place, _album(place, kinds, study.recipes)))
    for template in (stage.CLOSE, stage.REFERENCES, stage.INPUTS):
        nodes.append(placing.node(stage.STAGE, template, Place(), placing.inputs(template, Place())))
    return nodes


def _rows(placing: Placing) -> tuple[list[str], list[str]]:
    """Names of the rows that every cell or pair leaves, and of those that only the selected ones leave."""
    templates = [template for known in placing.stages for template in known.nodes]
    named = {
        artifact.name: bool(template.selection)
        for template in templates
        for artifact in template.outputs
        if artifact.is_rows
    }
    usual = [name for name, is_selected in named.items() if not is_selected]
    return usual, [name for name in named if name not in usual]


def _documents(placing: Placing) -> list[str]:
    """Names of what cells and students leave beside their rows and not every one of them is asked for again.

    What nothing reads leaves the boxes of kedro-viz, each file by itself; so the tables that close a run read it, too.
    """
    templates = [template for known in placing.stages for template in known.nodes]
    read = {(name, template.selection) for template in templates for name in template.inputs}
    made = (
        each.name
        for template in templates
        if template.level in ("cell", "students")
        for each in template.outputs
        if each.kind == "json" and not {(each.name, ""), (each.name, template.selection)} & read
    )
    return list(dict.fromkeys(made))


def _album(place: Place, kinds: Sequence[str], recipes: Iterable[str]) -> dict[str, str]:
    """All pictures of a task in one table: one dataset that leaves its box, not one of every kind."""
    wires = {
        f"{kind}_{number}": f"{place.task}.{recipe}.{kind}_pictures"
        for kind in kinds
        for number, recipe in enumerate(recipes)
    }
    return {name: f"{place.task}.{name}" for name in stage.PREPARED} | wires
