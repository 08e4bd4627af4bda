"""From declared stages and the axes of a study to its DAG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kedro.pipeline import Node, Pipeline

from lowland.config import PAIRS
from lowland.measurements import WORST_CASE
from lowland.node_functions import NodeFunction, function_of
from lowland.stages import ENTRIES, Level, NodeTemplate, Stage

if TYPE_CHECKING:
    from lowland.grid import Grid

GATHER = "gather"  # the tag of nodes that read what there is: runners start them even after a failure
PLACED = {  # parameters of a place -> where the study has them
    "task": "tasks.{task}",
    "recipe": "recipes.{recipe}",
    "precision": "precisions.{precision}",
    "run": "runs.{task}.{recipe}.{seed}",
    "cell": "cells.{task}.{recipe}.{seed}.{precision}",
    "group": "groups.{task}.{recipe}.{precision}",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: the axes on which it has one value; ``seed`` is ``pairs`` where seeds are compared.

    ``precision`` is ``worst_case`` where students of a run are made.
    """

    task: str = ""
    recipe: str = ""
    seed: str = ""
    precision: str = ""

    @property
    def namespace(self) -> str:
        """Of the node and of what it makes."""
        return ".".join(filter(None, (self.task, self.recipe, self.seed, self.precision))) or ENTRIES["study"]

    @property
    def depth(self) -> int:
        """On how many axes it has one value."""
        return sum(map(bool, (self.task, self.recipe, self.seed, self.precision)))

    def around(self) -> tuple[Place, ...]:
        """This place and those that it lies in, the nearest first."""
        task, recipe, seed = self.task, self.recipe, self.seed
        return self, Place(task, recipe, seed), Place(task, recipe), Place(task), Place()

    def meets(self, other: Place) -> bool:
        """Whether both have the same value on every axis on which both have one."""
        mine = (self.task, self.recipe, self.seed, self.precision)
        theirs = (other.task, other.recipe, other.seed, other.precision)
        return all(a == b or not a or not b or PAIRS in (a, b) for a, b in zip(mine, theirs, strict=True))


def places_of(level: Level, study: Grid) -> list[Place]:
    """All places of a level.

    Args:
        level: Which.
        study: Gives the axes.
    """
    several = len(study.seeds) > 1
    return {
        "study": lambda: [Place()],
        "task": lambda: [Place(task) for task in study.tasks],
        "recipe": lambda: [Place(*pair) for pair in study.configurations],
        "run": lambda: [Place(run.task, run.recipe, run.seed) for run in study.runs],
        "cell": lambda: [Place(cell.task, cell.recipe, cell.seed, cell.precision) for cell in study.cells],
        "students": lambda: [Place(run.task, run.recipe, run.seed, WORST_CASE) for run in study.runs],
        "pairs": lambda: [Place(*pair, PAIRS) for pair in study.configurations if several],
        "group": lambda: [Place(task, recipe, PAIRS, name) for task, recipe, name in study.groups if several],
    }[level]()


def chosen_places(template: NodeTemplate, study: Grid) -> list[Place]:
    """Where a template's nodes stand: the places of its level that its parameters, methods and selection leave.

    Args:
        template: The template.
        study: Gives axes and selections.
    """
    found = [place for place in places_of(template.level, study) if holds(template.where, place, study)]
    if not (template.methods or template.selection):
        return found
    if template.level == "students":  # of a recipe, whatever the precisions of its cells
        recipes, seeds = study.selected_recipes(template.selection), study.selected_seeds(template.selection)
        return [place for place in found if place.recipe in recipes and place.seed in seeds]
    precisions = set(study.selected_precisions(template.selection, methods=template.methods))
    found = [place for place in found if place.precision in precisions]
    if template.selection and template.level == "cell":
        seeds = study.selected_seeds(template.selection)
        return [place for place in found if place.seed in seeds]
    if template.selection and template.level == "group" and not study.selected_pairs(template.selection):
        return []
    return found


def tasks_with(stage: Stage, study: Grid) -> tuple[str, ...]:
    """The tasks in which a stage, or a part of one, has anything to do, in the order of the axis.

    Args:
        stage: That stands at tasks or below.
        study: Gives axes and selections.
    """
    found = {place.task for template in stage.nodes for place in chosen_places(template, study)}
    return tuple(task for task in study.tasks if task in found)


def holds(where: Iterable[str], place: Place, study: Grid) -> bool:
    """Whether all these parameters hold something, see ``NodeTemplate``.

    Args:
        where: Dotted names.
        place: Gives ``{task}`` and what ``task``, ``recipe`` and ``precision`` are.
        study: Gives the values.
    """
    for dotted in where:
        axes = {"task": place.task, "recipe": place.recipe, "precision": place.precision}
        head, *tail = dotted.format(**axes).split(".")
        first, *rest = [*PLACED.get(head, head).format(**axes, seed=place.seed).split("."), *tail]
        value: Any = study.descriptions if first == "descriptions" else getattr(study.study, first)
        for part in rest:
            value = value[part] if isinstance(value, Mapping) else getattr(value, part)
        if not value:
            return False
    return True


class Placing:
    """Places the nodes of stages one after the other, each knowing what those before it make.

    Args:
        study: Gives the axes.

    Attributes:
        made: Names of all datasets that the nodes so far make.
        stages: Those so far.
    """

    def __init__(self, study: Grid) -> None:
        self.study = study
        self.made: dict[str, None] = {}
        self._places: dict[str, list[Place]] = defaultdict(list)
        self.stages: list[Stage] = []

    def add(self, stage: Stage) -> list[Node]:
        """The nodes of one stage.

        Args:
            stage: All whose artifacts it reads were added before.

        Raises:
            ValueError: It reads an artifact that nobody makes.
        """
        if stage.builder:
            nodes: list[Node] = function_of(stage.builder)(self)
        else:
            nodes = [
                self.node(stage, template, place, self.inputs(template, place))
                for template in stage.nodes
                for place in chosen_places(template, self.study)
            ]
        self.stages.append(stage)
        return nodes

    def node(self, stage: Stage, template: NodeTemplate, place: Place, inputs: Any, *, name: str = "") -> Node:
        """A template's node at one place.

        Args:
            stage: The template's.
            template: What it does there.
            place: Where it stands.
            inputs: Full names, as Kedro takes them.
            name: Of the only output, where the template has a pattern; the node is then ``gather_<name>``.
        """
        outputs = [name] if name else [artifact.name for artifact in template.outputs]
        for output, artifact in zip(outputs, template.outputs, strict=True):
            self._places[output].append(place)
            self.made[f"{place.namespace}.{output}"] = None
            assert name or "{" not in artifact.name, f"{template.name} must be told how {artifact.name} is called"
        named = [f"{place.namespace}.{output}" for output in outputs]
        return Node(
            NodeFunction(template.function),
            inputs,
            named if len(named) > 1 else named[0],
            name=f"gather_{name}" if name else template.name,
            tags=[
                stage.name,
                *([f"{stage.name}.{template.part}"] if template.part else []),
                *([GATHER] if template.gathers else []),
            ],
            namespace=place.namespace,
        )

    def inputs(self, template: NodeTemplate, place: Place) -> list[str]:
        """Full names of what a template's node reads at one place.

        Args:
            template: The template.
            place: Where it stands.

        Raises:
            ValueError: It reads an artifact that nobody makes.
        """
        return [full for name in template.inputs for full in self._inputs(name, place)]

    def _inputs(self, name: str, place: Place) -> Iterator[str]:
        """Full names of what one declared input stands for."""
        if name.startswith("params:"):
            key = name.removeprefix("params:")
            axes = {axis: getattr(place, axis) for axis in ("task", "recipe", "seed", "precision")}
            yield "params:" + PLACED.get(key, key).format(**axes)
        elif name == "raw":
            yield self.study.raw_table(place.task)
        elif around := [each for each in place.around() if f"{each.namespace}.{name}" in self.made]:
            yield f"{around[0].namespace}.{name}"
        else:
            below = [each for each in self._places[name] if each.meets(place)]
            if not below:
                raise ValueError(f"{place.namespace} reads {name!r}, which no stage before it makes there")
            nearest = min(each.depth for each in below)
            yield from (f"{each.namespace}.{name}" for each in below if each.depth == nearest)


def build(stages: Sequence[Stage], study: Grid) -> dict[str, Pipeline]:
    """The pipeline of every stage, by its name.

    Args:
        stages: In an order in which they can run.
        study: Gives the axes.
    """
    placing = Placing(study)
    return {stage.name: Pipeline(placing.add(stage)) for stage in stages}
