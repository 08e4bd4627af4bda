"""Rooms that open their files only when someone asks for what is in them."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from functools import cache
from typing import Any


def lazy_names(room: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Carries out, name by name, what a package's ``__init__.py`` imports under ``if TYPE_CHECKING:``.

    ``lowland.landscape.options`` is then read without PyHessian, SciPy and all the measures of that room. A public name
    must not be called as one of the room's files: importing the file would put the module in the name's place.

    Args:
        room: The package's ``__name__``.

    Returns:
        ``__getattr__`` and ``__dir__`` of the package.

    Raises:
        AttributeError: When asked for a name that is not imported there.
    """

    def get(name: str) -> Any:
        home = _homes(room).get(name)
        if home is None:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home), name)
        setattr(sys.modules[room], name, value)  # asked for once
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[room]), *_homes(room)})

    return get, names


@cache
def _homes(room: str) -> dict[str, str]:
    """Which file each public name stands in."""
    spec = sys.modules[room].__spec__
    source = spec.loader.get_source(room) if spec is not None else None  # type: ignore[union-attr]  # a source loader
    blocks = [node for node in ast.parse(source or "").body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports if node.module for alias in node.names}
