"""The stages of the study, each declared once: what its nodes read and make, and on what level of the study they stand.

Everything that must know all stages asks here: the DAG, the gathers, the list of what a complete study holds, the files
that an earlier run may have left, the catalog and ``dvc.yaml``. A declaration imports nothing that computes: it names
its functions by dotted path.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lowland.measurements import Family

Level = Literal["study", "task", "recipe", "run", "cell", "students", "pairs", "group"]
"""Where a node stands, by its namespace.

``recipe`` is one recipe of one task, ``students`` what is made of a run beside its cells, at the reserved name
``worst_case``, ``group`` the cells of one task, recipe and precision, whose seeds are compared
pair by pair, and ``pairs`` all groups of one recipe.
"""
WITH_ROWS: tuple[Level, ...] = ("cell", "students", "group")
"""Levels whose nodes may leave rows of the long table."""
Kind = Literal["table", "picture", "model", "tensors", "json", "text", "plotly"]
Layer = Literal["raw", "model input", "models", "model output", "reporting"]

ENTRIES: Mapping[Level, str] = MappingProxyType(
    {
        "study": "summary",
        "task": "{task}",
        "recipe": "{task}.{recipe}",
        "run": "{task}.{recipe}.{seed}",
        "cell": "{task}.{recipe}.{seed}.{precision}",
        "students": "{task}.{recipe}.{seed}.{precision}",  # {precision} is `worst_case` there
        "pairs": "{task}.{recipe}.{seed}",  # {seed} is `pairs` there
        "group": "{task}.{recipe}.{seed}.{precision}",
    }
)
"""What the names of a level's datasets begin with in the catalog."""
MEASURED = "07_model_output/measured"
"""Below the data folder: all that is measured of cells, a folder for each stage or part of one. What gathers depends on
the whole, for which of them there are follows from the parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A dataset that a node makes, or that lies there before any node runs.

    Attributes:
        name: As nodes call it, without its namespace; ``<name>_rows`` are rows of the long table.
        kind: What keeps it.
        path: Below the data folder, with ``{task}``, ``{recipe}``, ``{seed}`` and ``{precision}``.
        layer: In kedro-viz.
        entry: Its name in the catalog, where several share an entry; the others' placeholder then stands in ``path``.
        figure: What draws a picture, a key of ``lowland.report.figures.PICTURES``.
        missing_ok: Whether whoever reads it goes on without it, as gathers do.
        gathered: The table beside the long one in which recipe and task collect it, if any: ``learning``, or
            ``pictures``, where each kind keeps a table of its own a recipe.
        remark: For whoever reads the catalog.
        tracked: How DVC treats it: as an output, as ``metrics`` or as ``plots``.
        plot: Of ``plots``: what DVC draws.
        shared_path: Whether ``path`` is below ``data`` itself in every environment.
    """

    name: str
    kind: Kind
    path: str
    layer: Layer
    entry: str = ""
    figure: str = ""
    missing_ok: bool = False
    gathered: Literal["", "learning", "pictures"] = ""
    remark: str = ""
    tracked: Literal["outs", "metrics", "plots"] = "outs"
    plot: tuple[tuple[str, str], ...] = ()
    shared_path: bool = False

    @property
    def folder(self) -> str:
        """Where its files lie, with the placeholders of its place alone."""
        return self.path.rpartition("/")[0].replace("{rows}", self.name.removesuffix("_rows"))

    @property
    def is_rows(self) -> bool:
        """Whether it goes into the long table."""
        return self.name.endswith("_rows")


def rows(
    name: str, *, path: str = f"{MEASURED}/{{rows}}/{{task}}/{{recipe}}/{{seed}}/{{precision}}.parquet"
) -> Artifact:
    """Rows of the long table, as ``<name>_rows``.

    Args:
        name: Of what was measured.
        path: Below the data folder, where it is not the usual one, which all share.
    """
    usual = "{rows}" in path
    return Artifact(
        name=f"{name}_rows",
        kind="table",
        path=path,
        layer="model output",
        entry="{rows}_rows" if usual else "",
        missing_ok=True,
    )


def picture(name: str, *, path: str) -> Artifact:
    """A table of a cell or of a group of cells that kedro-viz and the report show as the figure of the same name.

    Args:
        name: A key of ``lowland.report.figures.PICTURES``.
        path: Below the data folder.

    Raises:
        ValueError: The name is that of rows of the long table.
    """
    if name.endswith("_rows"):
        raise ValueError(f"picture {name!r} would be gathered into the long table; expected a name without _rows")
    return Artifact(
        name=name,
        kind="picture",
        path=path,
        layer="model output",
        figure=name,
        missing_ok=True,
        gathered="pictures",
    )


@dataclass(frozen=True, slots=True)
class Expectation:
    """Rows that a complete study has of every place where a node stands; where they are missing, the table says so.

    Attributes:
        family: Of the rows.
        measure: Which, or ``all``: any that is taken on every cell.
        where: Only where these parameters hold something, as of a ``NodeTemplate``.
    """

    family: Family
    measure: str = "all"
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTemplate:
    """One node, to be placed wherever its level and its selection say.

    Attributes:
        name: Of the node, without its namespace.
        part: Of its stage, where parts can be run alone; then every node of the stage has one. It is a stage of its own
            for DVC, which wants a folder of its own for what the part makes, and ``--tags <stage>.<part>`` for Kedro.
        function: Dotted path; imported when it is called.
        level: Where it stands.
        inputs: In the order of the function's arguments. ``params:cell``, ``params:group``, ``params:run``,
            ``params:task``, ``params:recipe`` and ``params:precision`` are those of the place, other parameters are the
            study's; anything else is an artifact's name, of which a node gets all that lie at or below its place.
        outputs: What it makes, in the order of the results.
        expects: The rows of the long table that it must have left.
        selection: A parameter with a ``Selection`` that says on which cells; empty for all.
        methods: Of the precisions that it is for; empty for all.
        where: Only where these parameters all hold something, dotted and with ``{task}``: ``attacks.kinds``;
            ``descriptions.{task}`` is what a task says of itself, and ``recipe.trains`` is about the place's own.
        gathers: Whether it reads what there is, also after a failure.
    """

    name: str
    function: str
    level: Level
    inputs: tuple[str, ...]
    outputs: tuple[Artifact, ...]
    part: str = ""
    expects: tuple[Expectation, ...] = ()
    selection: str = ""
    methods: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    gathers: bool = False

    def __post_init__(self) -> None:
        """The long table is of cells, of pairs of them and of students."""
        if self.level not in WITH_ROWS and (self.expects or any(each.is_rows for each in self.outputs)):
            raise ValueError(f"{self.name} stands at level {self.level!r}; expected {', '.join(WITH_ROWS)}")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that decide whether it stands somewhere and what it makes there."""
        read = [name.removeprefix("params:") for name in self.inputs if name.startswith("params:")]
        asked = [name.split(".")[0] for name in self.where]
        return tuple(dict.fromkeys((*read, *filter(None, [self.selection]), *asked)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One pipeline of the study, which runs and is tagged under its name.

    Attributes:
        name: Also of its package in ``lowland.pipelines``.
        nodes: Its templates; each has options, rows and selection of its own.
        sources: Artifacts that no node makes, by level: raw data.
        builder: Dotted path of a function of (the study's grid, the nodes so far) that gives its nodes, for a stage
            whose inputs follow from all other stages.
        within: Of a part of a stage: the stage.
    """

    name: str
    nodes: tuple[NodeTemplate, ...]
    sources: tuple[tuple[Level, Artifact], ...] = ()
    builder: str = ""
    within: str = ""

    @property
    def artifacts(self) -> tuple[tuple[Level, Artifact], ...]:
        """All that it makes or starts from, with the level that each belongs to."""
        made = ((node.level, artifact) for node in self.nodes for artifact in node.outputs)
        return tuple(dict.fromkeys((*self.sources, *made)))

    @property
    def families(self) -> tuple[Family, ...]:
        """Of the rows that a complete study has of it."""
        return tuple(dict.fromkeys(expected.family for node in self.nodes for expected in node.expects))

    @property
    def axes(self) -> tuple[str, ...]:
        """What DVC runs it for, one after the other: every ``task``, or nothing less than the whole study.

        Not for every recipe: each run starts Python and imports torch, which costs more than most recipes. It makes
        what is not there or out of date (see ``resumes``), so that a new recipe leaves the others alone all the same.
        """
        return () if "study" in {node.level for node in self.nodes} else ("task",)

    @property
    def resumes(self) -> bool:
        """Whether DVC lets it keep what it has made: of many runs and cells most are as they were after a change."""
        return bool(self.axes) and {node.level for node in self.nodes} != {"task"}

    @property
    def package(self) -> str:
        """Of ``lowland.pipelines``, with its code."""
        return self.within or self.name

    @property
    def tag(self) -> str:
        """What selects its nodes."""
        return f"{self.within}.{self.name}" if self.within else self.name

    @property
    def parts(self) -> tuple[Stage, ...]:
        """The stage as DVC knows it: whole, or a stage for each part of it."""
        names = tuple(dict.fromkeys(node.part for node in self.nodes))
        if names in ((), ("",)):
            return (self,)
        if "" in names:
            lonely = next(node.name for node in self.nodes if not node.part)
            parts = ", ".join(filter(None, names))
            raise ValueError(f"{lonely} of stage {self.name} is in no part; expected one of {parts}")
        of_part = {name: tuple(node for node in self.nodes if node.part == name) for name in names}
        return tuple(replace(self, name=name, within=self.name, nodes=nodes) for name, nodes in of_part.items())

    @property
    def closes(self) -> bool:
        """Whether it only collects and evaluates: what is out of date there is not mixed with anything."""
        return not self.axes


@lru_cache(maxsize=1)
def all_stages() -> tuple[Stage, ...]:
    """The stages of the packages in ``lowland.pipelines``: whatever makes an artifact before whatever reads it."""
    return in_order(_declared())


def _declared() -> Iterator[Stage]:
    from lowland import pipelines

    for module in pkgutil.iter_modules(pipelines.__path__):
        if module.ispkg:
            yield importlib.import_module(f"{pipelines.__name__}.{module.name}.stage").STAGE


def in_order(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Stages in the order in which they can run, by name where that leaves a choice.

    Args:
        stages: Each name once.

    Raises:
        ValueError: Two stages wait for each other.
    """
    waiting = sorted(stages, key=lambda stage: (stage.closes, stage.name))
    made = {stage.name: {artifact.name for _, artifact in stage.artifacts} for stage in waiting}
    ordered: list[Stage] = []
    while waiting:
        ready = [stage for stage in waiting if not any(_reads(stage, made[other.name]) for other in waiting)]
        if not ready:
            raise ValueError(f"stages wait for each other: {', '.join(stage.name for stage in waiting)}")
        ordered.append(ready[0])
        waiting.remove(ready[0])
    return tuple(ordered)


def _reads(stage: Stage, made: set[str]) -> bool:
    own = {artifact.name for _, artifact in stage.artifacts}
    return any(name in made - own for node in stage.nodes for name in node.inputs)


def closing_stages() -> frozenset[str]:
    """Names of the stages that only collect and evaluate."""
    return frozenset(stage.name for stage in all_stages() if stage.closes)
