"""Functions of nodes that are imported when they are called: building the DAG costs none of the rooms."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel


class NodeFunction:
    """Stands for a function of a module; equal to any other that stands for the same, and cheap to send to a worker.

    Arguments whose annotation is a pydantic model are made from the mappings that parameters are, as Kedro does for
    functions that it can see.

    Args:
        path: Dotted: module and function.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.__module__, _, self.__name__ = path.rpartition(".")
        self.__qualname__ = self.__name__
        self.__annotations__: dict[str, Any] = {}  # Kedro asks every node's function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's own results."""
        function, models = _resolved(self.path)
        bound = inspect.signature(function).bind(*args, **kwargs)
        for name, model in models.items():
            if name in bound.arguments and not isinstance(bound.arguments[name], model):
                bound.arguments[name] = model.model_validate(bound.arguments[name])
        return function(*bound.args, **bound.kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeFunction) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __reduce__(self) -> tuple[type[NodeFunction], tuple[str]]:
        return NodeFunction, (self.path,)

    def __repr__(self) -> str:
        return f"NodeFunction({self.path!r})"


def function_of(path: str) -> Callable[..., Any]:
    """The function itself.

    Args:
        path: Dotted: module and function.
    """
    module, _, name = path.rpartition(".")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


@cache
def _resolved(path: str) -> tuple[Callable[..., Any], Mapping[str, type[BaseModel]]]:
    """The function and the arguments that are pydantic models."""
    function = function_of(path)
    hints = get_type_hints(function)
    kinds = {name: hint for name, hint in hints.items() if inspect.isclass(hint) and issubclass(hint, BaseModel)}
    return function, {name: hint for name, hint in kinds.items() if name != "return"}
