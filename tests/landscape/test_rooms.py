"""The four parts of the room: a problem is checked, then differentiated, then measured; surfaces come last."""

import ast
from pathlib import Path

import pytest

ROOM = Path(__file__).resolve().parents[2] / "src" / "lowland" / "landscape"
ABOVE = {
    "problem": {"curvature", "measures", "surface"},
    "curvature": {"measures", "surface"},
    "measures": {"surface"},
    "surface": set(),
}


def imported(source):
    """The parts of the room that a file names in its imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lowland.landscape."):
            yield node.module.split(".")[2]


def broken(part, source):
    return sorted(set(imported(source)) & ABOVE[part])


@pytest.mark.parametrize("path", sorted(ROOM.glob("*/*.py")), ids=lambda path: str(path.relative_to(ROOM)))
def test_imports_run_one_way(path):
    assert not broken(path.parent.name, path.read_text("utf-8"))


def test_a_broken_wall_is_noticed():
    assert broken("problem", "from lowland.landscape.measures.trace import hessian_trace") == ["measures"]
    assert broken("curvature", "from lowland.landscape.surface.points import PointLosses") == ["surface"]
    assert not broken("surface", "from lowland.landscape.measures.trace import hessian_trace")
