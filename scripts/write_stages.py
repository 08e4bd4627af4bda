"""Writes what follows from the declared stages: conf/base/catalog.yml and dvc.yaml (`make stages`)."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lowland.stages import ENTRIES, MEASURED, Artifact, Level, NodeTemplate, Stage, all_stages
from scripts.stage_code import FROM_TASKS, code_of, rooms_of

ROOT = Path(__file__).resolve().parents[1]
CATALOG, DVC = ROOT / "conf" / "base" / "catalog.yml", ROOT / "dvc.yaml"
DEPTHS: dict[Level, int] = {
    "study": 0,
    "task": 1,
    "recipe": 2,
    "run": 3,
    "pairs": 3,
    "cell": 4,
    "students": 4,
    "group": 4,
}
DATASETS = {
    "table": "TableDataset",
    "picture": "PictureDataset",
    "model": "ModelDataset",
    "tensors": "TensorsDataset",
    "json": "JSONDataset",
    "text": "TextDataset",
    "plotly": "PlotlyDataset",
}
TIMINGS = Artifact(
    name="timings",
    kind="table",
    path="08_reporting/timings.parquet",
    layer="reporting",
    remark="seconds and memory of every node, from the runner; outside every comparison of bytes",
)
# Parameters that the grid makes -> the parameters whose values they hold.
CELLS = ("recipes", "seeds", "precisions", "qat_recipes")
MADE_FROM = {
    "task": ("tasks.${item.task}", "own_code.${item.task}"),
    "recipe": ("recipes",),
    "precision": ("precisions",),
    "run": ("recipes", "seeds"),
    "cell": CELLS,
    "group": CELLS,
    "everything": ("tasks", "own_code", *CELLS),
    "descriptions": ("tasks", "own_code"),
    "commands": (),
    "folder": (),
}
# Stages that read a file of which parameters decide where it lies -> where params.yaml says so. DVC cannot look up
# `${tasks.${item.task}.path}`, so these run over a mapping with one path a task.
READS_FILES = {"ingestion": ("sources", "path"), "preparation": ("raw_tables", "path")}
WIDTH = 120
GENERATED = "# Written by `make stages` from the declarations in src/lowland/pipelines/*/stage.py: edit those.\n"


def catalog(stages: Sequence[Stage]) -> str:
    """The text of the catalog.

    Args:
        stages: All.

    Raises:
        ValueError: One name is declared twice, or two artifacts would be written to one file.
    """
    entries: dict[str, str] = {}
    owners: dict[str, str] = {}
    for level, artifact in (each for stage in stages for each in stage.artifacts):
        key = f"{ENTRIES[level]}.{artifact.entry or artifact.name}"
        text = _entry(key, artifact)
        if entries.setdefault(key, text) != text:
            raise ValueError(f"{key} is declared twice, and not as the same:\n{entries[key]}{text}")
        file, name = artifact.path.replace("{rows}", _measured(artifact)), key.replace("{rows}", _measured(artifact))
        if owners.setdefault(file, name) != name:
            raise ValueError(f"{file} would hold {owners[file]} and {name}")
    entries[TIMINGS.name] = _entry(TIMINGS.name, TIMINGS)
    head = "# Every file of a run. {placeholders} are the axes of the study, so that a new recipe needs no entry.\n"
    return f"{head}{GENERATED}\n" + "\n".join(entries.values())


def _measured(artifact: Artifact) -> str:
    """What rows of the long table are of."""
    return artifact.name.removesuffix("_rows")


def _entry(key: str, artifact: Artifact) -> str:
    base = "data" if artifact.shared_path else "${globals:data}"
    lines = [f'"{key}":' if "{" in key else f"{key}:"]
    if artifact.remark:
        lines[0] += f" # {artifact.remark}"
    lines.append(f"  type: lowland.datasets.{DATASETS[artifact.kind]}")
    lines.append(f"  filepath: {base}/{artifact.path}")
    if artifact.figure:
        lines.append(f'  figure: "{artifact.figure}"' if "{" in artifact.figure else f"  figure: {artifact.figure}")
    if artifact.missing_ok:
        lines.append("  missing_ok: true")
    lines.append(f"  metadata: {{kedro-viz: {{layer: {artifact.layer}}}}}")
    return "\n".join(lines) + "\n"


def dvc(stages: Sequence[Stage]) -> str:
    """The text of dvc.yaml.

    Args:
        stages: All, in the order in which they run.
    """
    head = (
        "# The study as DVC stages: the stages of Kedro, and of those that can be run in parts each part.\n"
        f"{GENERATED}"
        "# The code of a stage is all that its nodes import, however far away, and the datasets that they read and\n"
        "# write through; scripts/stage_code.py follows the imports and says what is left out, and why.\n"
        "# DVC knows no environments: `make params ENV=smoke` writes the params.yaml that all of this reads, with the\n"
        "# tasks in which a stage has anything to do (`places`).\n"
        "# A stage that persists what it made goes on from there: lowland keeps on record what every result was made\n"
        "# with, and of which bytes it is, and makes again what is missing, out of date or not on record.\n"
    )
    parts = [part for stage in stages for part in stage.parts]
    return head + "stages:\n" + "\n".join(_dvc_stage(part, stages) for part in parts)


def _dvc_stage(stage: Stage, stages: Sequence[Stage]) -> str:
    chosen = ".".join(f"${{item.{axis}}}" for axis in stage.axes)
    command = f"kedro run --env ${{env}}{f' --namespaces {chosen}' if chosen else ''} --tags {stage.tag}"
    inputs = list(_inputs(stage, stages))
    loads_models = any(artifact.kind == "model" for artifact in inputs)
    asks_tasks = any(name in FROM_TASKS for node in stage.nodes for name in node.parameters)
    code = rooms_of(code_of(stage, loads_models=loads_models, asks_tasks=asks_tasks))
    mapping, key = READS_FILES.get(stage.name, ("", ""))
    lines = []
    if stage.axes and not mapping:
        lines.append(f'  matrix: {{task: "${{places.{stage.name}}}"}}')
    lines.append(f"  cmd: {command}{' --only-missing-outputs' if stage.resumes else ''}")
    lines += _block("deps", [*code, *_paths(inputs, stage.axes), *([f"${{item.{key}}}"] if mapping else [])])
    read = list(dict.fromkeys(_parameters(stage, stages)))  # of which some lie within others
    if mapping == "sources":
        read.append("sources.${item.task}.elsewhere")
    whole = [name for name in read if name.split(".")[0] not in read or "." not in name]
    lines += _block("params", whole)
    made = [artifact for node in stage.nodes for artifact in node.outputs]
    outs = _paths((each for each in made if each.tracked == "outs"), stage.axes)
    lines += _block("outs", [f"{path}: {{persist: true}}" for path in outs] if stage.resumes else outs)
    lines += _block("metrics", _paths(_tracked(made, "metrics"), stage.axes))
    for artifact in _tracked(made, "plots"):
        options = ", ".join(f"{name}: {value}" for name, value in artifact.plot)
        lines += _block("plots", [f"{_paths([artifact], stage.axes)[0]}: {{{options}}}"])
    if mapping:
        lines = [f"  foreach: ${{{mapping}}}", "  do:", *(f"  {line}" for line in lines)]
    return "".join(f"  {line}\n" for line in (f"{stage.name}:", *lines))


def _tracked(artifacts: Iterable[Artifact], how: str) -> list[Artifact]:
    return [artifact for artifact in artifacts if artifact.tracked == how]


def _block(name: str, items: Sequence[str]) -> list[str]:
    return [f"  {name}:", *(f"    - {item}" for item in items)] if items else []


def _inputs(stage: Stage, stages: Sequence[Stage]) -> Iterator[Artifact]:
    """The artifacts of other stages that a stage reads."""
    made = {(node.level, artifact) for node in stage.nodes for artifact in node.outputs}
    known = [each for other in stages for each in other.artifacts]
    if stage.builder:  # it gathers what all others leave
        left = (artifact for level, artifact in known if (level, artifact) not in made)
        yield from (artifact for artifact in left if artifact.is_rows or artifact.gathered)
    for node in stage.nodes:
        for name in node.inputs:
            if name == "raw":  # see READS_FILES
                continue
            here = [(level, artifact) for level, artifact in known if artifact.name == name]
            yield from (artifact for level, artifact in _nearest(here, node) if (level, artifact) not in made)


def _nearest(candidates: Sequence[tuple[Level, Artifact]], node: NodeTemplate) -> list[tuple[Level, Artifact]]:
    """Those at the node's level or around it; else those nearest below."""
    if not candidates:  # a parameter
        return []
    own = DEPTHS[node.level]
    around = [DEPTHS[level] for level, _ in candidates if DEPTHS[level] <= own]
    depth = max(around) if around else min(DEPTHS[level] for level, _ in candidates)
    return [(level, artifact) for level, artifact in candidates if DEPTHS[level] == depth]


def _paths(artifacts: Iterable[Artifact], axes: Sequence[str]) -> list[str]:
    """Single files, and the folders of those of which there are many, as far as the axes of a stage tell them apart."""
    return list(dict.fromkeys(_path(artifact, axes) for artifact in artifacts))


def _path(artifact: Artifact, axes: Sequence[str]) -> str:
    if not axes and artifact.path.startswith(f"{MEASURED}/"):  # of which stages there are any, parameters say
        return f"${{data}}/{MEASURED}"
    parts = artifact.path.split("/")
    folder, alone = "/".join(parts[:-1]), parts[-1].startswith(tuple(f"{{{axis}}}." for axis in axes))
    if "{" in artifact.path and not (alone and "{" not in folder):
        parts = [part.replace("{rows}", _measured(artifact)) for part in parts[:-1]]
    kept = []
    for part in parts:
        for axis in axes:
            part = part.replace(f"{{{axis}}}", f"$<item.{axis}>")
        if "{" in part:
            break
        kept.append(part.replace("<", "{").replace(">", "}"))
    return "/".join(["data" if artifact.shared_path else "${data}", *kept])


def _parameters(stage: Stage, stages: Sequence[Stage]) -> Iterator[str]:
    for name in (name for node in stage.nodes for name in node.parameters):
        yield from MADE_FROM["task"] if name == "descriptions" and stage.axes else MADE_FROM.get(name, (name,))
        if name == "everything":
            for node in (node for other in stages for node in other.nodes):
                yield from filter(None, [node.selection])
                for asked in (*node.where, *(name for expected in node.expects for name in expected.where)):
                    yield from MADE_FROM.get(first := asked.split(".")[0], (first,))
    if stage.builder:
        yield from MADE_FROM["everything"]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    stages = all_stages()
    CATALOG.write_text(catalog(stages), encoding="utf-8")
    DVC.write_text(dvc(stages), encoding="utf-8")


if __name__ == "__main__":
    main()
