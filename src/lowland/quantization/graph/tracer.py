"""The calls of a network's forward, by ``torch.fx``."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

from lowland.errors import LowlandError
from lowland.quantization.graph.in_place import AssigningProxy
from lowland.quantization.graph.modules import Handler, handler_of_layer

Foreign = Mapping[type[nn.Module], Handler]
"""What turns layers of other packages into nodes, by their class."""

LAYERS = "layers."
"""What the paths of layers begin with in networks that hold all of them in one."""

HOOKS = ("_forward_hooks", "_forward_pre_hooks")
"""Where modules keep what is done beside their forward."""

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Tracer(fx.Tracer):
    """Calls of layers that have a meaning of their own, and what happens inside all others."""

    def __init__(self, foreign: Foreign) -> None:
        super().__init__()
        self.record_stack_traces = True
        self._foreign = foreign

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        """Further arguments of ``forward`` have their default values."""
        parameters = list(inspect.signature(root_fn).parameters.values())[1:]  # without self
        if not parameters or parameters[0].kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
            raise LowlandError("forward of the network takes no inputs; expected forward(self, inputs)")
        needed = [
            other.name for other in parameters[1:] if other.default is other.empty and other.kind not in _VARIADIC
        ]
        if needed:
            raise LowlandError(f"forward of the network takes {needed[0]!r} besides its inputs; expected inputs alone")
        return super().create_args_for_root(lambda root, inputs: root_fn(root, inputs), is_module, concrete_args)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """One that sees assignments in place."""
        return AssigningProxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a layer has a meaning of its own."""
        if "forward" in vars(m) or any(getattr(m, hooks) for hooks in HOOKS):
            return False  # something is done beside the layer: it is seen from inside
        return handler_for(m, self._foreign) is not None or (
            super().is_leaf_module(m, module_qualified_name) and not isinstance(m, nn.ModuleList | nn.ModuleDict)
        )

    def traced(self, root: nn.Module) -> fx.Graph:
        """The calls of a forward."""
        with torch.random.fork_rng(devices=[]):  # a forward that draws numbers draws them while it is traced
            try:
                return self.trace(root)
            except LowlandError:
                raise
            except Exception as error:  # whatever a forward may raise when it is given no numbers
                reason = str(error).partition("\n")[0].removesuffix(".")
                raise LowlandError(
                    f"{type(root).__name__}.forward cannot be traced{_where(error)} ({reason}); expected the same "
                    "calls for all data: no branches on values, no loops over their sizes, no len(x) (x.shape[0] is "
                    "known)"
                ) from error


def handler_for(layer: nn.Module, foreign: Foreign) -> Handler | None:
    """What turns a layer into nodes."""
    own = (handler for kind, handler in foreign.items() if isinstance(layer, kind))
    return next(own, None) or handler_of_layer(layer)


def _where(error: BaseException) -> str:
    """The last line of the user's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f" at {_line(frame)}" for frame in reversed(frames) if _own(frame.filename)), "")


def _line(frame: Any) -> str:
    return f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"


def _own(filename: str) -> bool:
    return "/torch/" not in filename and "/lowland/quantization/graph/" not in filename


def place_of(node: fx.Node, path: str = "") -> str:
    """Where a call stands, for messages."""
    if node.op == "call_module":
        return f"layer {path}"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    for line in reversed((node.stack_trace or "").splitlines()):
        file, _, rest = line.strip().partition('", line ')
        if rest and _own(file):
            return f"{name} at {file.rpartition('/')[2]}:{rest.partition(',')[0]}"
    return str(name)


def name_of(target: Any) -> str:
    """The name of a function or method that is called."""
    return target if isinstance(target, str) else getattr(target, "__name__", "")
