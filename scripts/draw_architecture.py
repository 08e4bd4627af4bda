"""Draws what `ARCHITECTURE.md` shows of the code: rooms by their imports, stages and nodes by their declarations.

    python -m scripts.draw_architecture

Text between the markers is replaced; all other text of the page is written by hand. On which floor a room lies is what
`tests/test_architecture.py` allows; the arrows are the imports that there are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from lowland.stages import NodeTemplate, Stage, all_stages
from tests.test_architecture import BASEMENT, KEDRO_LAYER, PACKAGE, imports_of, room_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "ARCHITECTURE.md"
ORDINALS = ("Ground floor", "First floor", "Second floor", "Third floor", "Fourth floor", "Fifth floor")
STUDY = "study"
"""The modules of the Kedro layer that lie in the package itself, drawn as one box."""
MARKERS = "<!-- {0}: written by `python -m scripts.draw_architecture` -->", "<!-- end of {0} -->"

Graph = Mapping[str, set[str]]


@cache
def imports_between_rooms() -> dict[str, set[str]]:
    """Which rooms each room imports, inside functions too."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = room_of(path)
        if room != "__init__":
            names = (module.split(".") for module in imports_of(path.read_text()))
            found.setdefault(room, set()).update(n[1] for n in names if n[0] == "lowland" and len(n) > 1)
    return {room: wanted - {room} for room, wanted in found.items()}


def floors(graph: Graph) -> list[list[str]]:
    """The library's rooms above the basement: each one floor above the highest that it imports.

    Raises:
        ValueError: Rooms that import each other in a circle.
    """
    library = sorted(set(graph) - BASEMENT - KEDRO_LAYER)
    placed: list[list[str]] = []
    below: set[str] = set()
    while rest := [room for room in library if room not in below]:
        floor = [room for room in rest if graph[room] & set(library) <= below]
        if not floor:
            raise ValueError(f"rooms import each other in a circle: {', '.join(rest)}")
        placed.append(floor)
        below |= set(floor)
    return placed


def without_detours(graph: Graph) -> dict[str, list[str]]:
    """The arrows that no longer way already shows: a to c goes where a to b to c stays."""
    left = {room: set(wanted) for room, wanted in graph.items()}
    for room, other in sorted((room, other) for room, wanted in graph.items() for other in wanted):
        left[room].remove(other)
        if other not in _reached(left, room):
            left[room].add(other)
    return {room: sorted(wanted) for room, wanted in left.items()}


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph.get(ahead.pop(), set()) - seen
        seen |= new
        ahead += new
    return seen


def collapsed(graph: Graph) -> dict[str, set[str]]:
    """The graph without the basement, the single modules of the Kedro layer as one room."""
    singles = {room for room in KEDRO_LAYER if (PACKAGE / f"{room}.py").is_file()}
    found: dict[str, set[str]] = {}
    for room, wanted in graph.items():
        if room not in BASEMENT:
            own = STUDY if room in singles else room
            names = {STUDY if other in singles else other for other in wanted - BASEMENT}
            found.setdefault(own, set()).update(names - {own})
    return found


def draw_rooms() -> str:
    """The house as a Mermaid diagram: what is higher imports what is lower."""
    graph = imports_between_rooms()
    drawn = collapsed(graph)
    storeys = floors(graph)
    upper = sorted(set(drawn) - {room for floor in storeys for room in floor})
    lines = ["flowchart TB", '  subgraph kedro["Kedro layer"]', *(f"    {_box(room)}" for room in upper), "  end"]
    for number, floor in reversed(list(enumerate(storeys))):
        lines += [
            f'  subgraph floor{number}["{ORDINALS[number]}"]',
            "    direction LR",
            *map("    {}".format, map(_box, floor)),
            "  end",
        ]
    names = " · ".join(sorted(BASEMENT & set(graph)))
    lines += ['  subgraph floorless["Basement: all may import it"]', f'    basement["{names}"]', "  end"]
    lines += [f"  {room} --> {other}" for room, others in sorted(without_detours(drawn).items()) for other in others]
    lines += [f"  {room} --> basement" for room in storeys[0]]
    return _fenced(lines)


def _box(room: str) -> str:
    if room == STUDY:
        singles = sorted(r for r in KEDRO_LAYER if (PACKAGE / f"{r}.py").is_file() and not r.startswith("_"))
        about = " · ".join(singles)
    else:
        about = re.sub('["`]', "'", _sentence(room))
    name = "lowland/*.py" if room == STUDY else room
    return f'{room}["<b>{name}</b><br/>{about}"]'


def _sentence(room: str) -> str:
    """What a room's docstring says first."""
    path = PACKAGE / f"{room}.py"
    text = ast.get_docstring(ast.parse((path if path.is_file() else PACKAGE / room / "__init__.py").read_text())) or ""
    return re.sub(r"\s+", " ", text.split("\n\n")[0].replace("``", "`")).rstrip(".")


def list_rooms() -> str:
    """Every room and single module with what its docstring says and what it imports."""
    graph = imports_between_rooms()
    order = [*sorted(BASEMENT & set(graph)), *(room for floor in floors(graph) for room in floor)]
    order += sorted(KEDRO_LAYER & set(graph))
    lines = ["| in `src/lowland` | what | imports |", "|---|---|---|"]
    for room in order:
        name = f"{room}.py" if (PACKAGE / f"{room}.py").is_file() else f"{room}/"
        what = _sentence(room).replace("|", "\\|")
        lines.append(f"| [`{name}`](src/lowland/{name}) | {what} | {', '.join(sorted(graph[room])) or 'nothing'} |")
    return "\n".join(lines)


def draw_stages() -> str:
    """What one stage takes from another, as a Mermaid diagram."""
    stages = all_stages()
    lines = ["flowchart LR"]
    for number, stage in enumerate(stages):
        for source, names in _taken(stage, stages[:number]).items():
            lines.append(f'  {source} -- "{"<br/>".join(names)}" --> {stage.name}')
    return _fenced(lines)


def _taken(stage: Stage, earlier: Sequence[Stage]) -> dict[str, list[str]]:
    """Names of what a stage reads, by the last of the earlier ones that makes it; one with a builder gathers."""
    if stage.builder:
        return {source.name: kinds for source in earlier if (kinds := _gathered(source))}
    makers = {a.name: source.name for source in earlier for node in source.nodes for a in node.outputs}
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for node in stage.nodes for name in node.inputs if name in makers):
        found.setdefault(makers[name], []).append(name)
    return found


def _gathered(source: Stage) -> list[str]:
    artifacts = [artifact for node in source.nodes for artifact in node.outputs]
    rows = ["rows"] if any(artifact.is_rows for artifact in artifacts) else []
    words = {"learning": "learning curves"}
    return [*rows, *dict.fromkeys(words.get(a.gathered, a.gathered) for a in artifacts if a.gathered)]


def list_nodes() -> str:
    """Every node with where it stands, what it reads and what it makes."""
    lines = ["| stage | node | one a | reads | options | makes |", "|---|---|---|---|---|---|"]
    for stage in all_stages():
        for node in stage.nodes:
            cells = (_link(stage), f"`{node.name}`", node.level, _names(_read(node)), _names(_options(node)))
            made = _names(a.name for a in node.outputs)
            lines.append(f"| {' | '.join(cells)} | {made} |")
    return "\n".join(lines)


def _link(stage: Stage) -> str:
    return f"[{stage.name}](src/lowland/pipelines/{stage.name}/stage.py)"


def _read(node: NodeTemplate) -> list[str]:
    found = [name for name in node.inputs if not name.startswith("params:")]
    return [*found, "all that lies below"] if node.gathers or not node.inputs else found


def _options(node: NodeTemplate) -> list[str]:
    return [name.removeprefix("params:") for name in node.inputs if name.startswith("params:")]


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _fenced(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```"])


BLOCKS = {"rooms": draw_rooms, "list of rooms": list_rooms, "stages": draw_stages, "list of nodes": list_nodes}


def redrawn(page: str) -> str:
    """The page with every block as the code is now.

    Raises:
        ValueError: A marker is missing.
    """
    for name, draw in BLOCKS.items():
        begin, end = (marker.format(name) for marker in MARKERS)
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"{PAGE.name} lacks the markers of {name!r}; expected {begin} ... {end}, once")
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n\n{draw()}\n\n{end}{rest.partition(end)[2]}"
    return page


def main() -> None:
    """Redraws the page in place."""
    PAGE.write_text(redrawn(PAGE.read_text()))


if __name__ == "__main__":
    main()
