"""From the calls of a forward to the nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from lowland.errors import LowlandError
from lowland.quantization.graph.calls.registry import PLACEWISE, RESHAPING, STATES, handler_of
from lowland.quantization.graph.converter import Converter
from lowland.quantization.graph.in_place import Memory, changes_by_name
from lowland.quantization.graph.modules import is_placewise
from lowland.quantization.graph.tracer import LAYERS, Foreign, handler_for, name_of, place_of
from lowland.quantization.graph.wires import LastStates, Rows, Wire


def converted(graph: fx.Graph, modules: Mapping[str, nn.Module], converter: Converter, foreign: Foreign) -> str:
    """Collects the nodes of all calls; the name of the one that is the output."""
    found: dict[fx.Node, Any] = {}
    memory = Memory(modules)
    inside = [str(node.target) for node in graph.nodes if node.op == "call_module"]
    strip = bool(inside) and all(path.startswith(LAYERS) for path in inside)
    for node in graph.nodes:
        if node.op == "placeholder":
            found[node] = converter.inputs
            memory.add(node)
            continue
        args, kwargs = (fx.node.map_arg(part, found.__getitem__) for part in (node.args, node.kwargs))
        if node.op == "output":
            return _output(args[0])
        if node.op == "get_attr":
            found[node] = _attribute(modules, str(node.target))
        elif node.op == "call_module":
            path = str(node.target)
            shown = path.removeprefix(LAYERS) if strip else path
            converter.at(name=shown.replace(".", "_"), place=f"layer {shown}", path=shown)
            handler = handler_for(modules[path], foreign)
            assert handler is not None  # all have been looked for
            if not args and "input" in kwargs:
                args, kwargs = (kwargs["input"],), {name: kwargs[name] for name in kwargs if name != "input"}
            called = _on_places(f"layer {shown}", is_placewise(modules[path]), handler)
            found[node] = _called(f"layer {shown}", called, converter, modules[path], *args, **kwargs)
        elif _holds(Wire, args, kwargs):
            handler = handler_of(node.target)
            assert handler is not None
            if _holds(LastStates, args, kwargs) and name_of(node.target) not in STATES:
                raise LowlandError(LastStates.refusal(place_of(node)))
            converter.at(name=node.name, place=place_of(node))
            name = name_of(node.target)
            called = (
                handler if name in RESHAPING else _on_places(place_of(node), name.rstrip("_") in PLACEWISE, handler)
            )
            found[node] = _called(place_of(node), called, converter, *args, **kwargs)
        else:
            found[node] = _called(place_of(node), _plain, converter, node, args, kwargs)
        _follow_changes(node, found, memory, converter)
    raise AssertionError("a graph without output")


def _called(place: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of a call, whose arguments nobody has checked before."""
    try:
        return function(*args, **kwargs)
    except LowlandError:
        raise
    except Exception as error:  # arguments that no handler takes, results that there are none of
        reason = str(error).partition("\n")[0]
        reason = reason.partition("() ")[2] or reason
        raise LowlandError(
            f"{place} of the network is called in a way that cannot be quantized ({reason.removesuffix('.')})"
        ) from error


def _on_places(place: str, placewise: bool, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler that keeps the places that values count among their rows.

    Args:
        place: Of the call, for messages.
        placewise: Whether the call does the same at every place, whatever dimensions lie before the last.
        handler: Of the call.
    """

    def handled(c: Converter, *args: Any, **kwargs: Any) -> Any:
        wires = list(_wires(*args, *kwargs.values()))
        if not any(wire.merged for wire in wires):
            return handler(c, *args, **kwargs)
        shapes = {(wire.merged, c.shape(wire)[: wire.merged]) for wire in wires}
        if not placewise or len(shapes) > 1:
            raise LowlandError(
                f"{place} of the network takes values whose rows count several places of a row; expected layers on the "
                "last dimension there (Linear, activations, sums): reshape to (rows, places, ...) before it"
            )
        apart = [replace(part, merged=0) if isinstance(part, Wire) else part for part in args]
        named = {name: replace(p, merged=0) if isinstance(p, Wire) else p for name, p in kwargs.items()}
        result = handler(c, *apart, **named)
        return replace(result, merged=wires[0].merged) if isinstance(result, Wire) else result

    return handled


def _wires(*parts: Any) -> Iterator[Wire]:
    """The values among arguments, those in lists too."""
    for part in parts:
        if isinstance(part, Wire):
            yield part
        elif isinstance(part, list | tuple):
            yield from _wires(*part)


def _follow_changes(node: fx.Node, found: dict[fx.Node, Any], memory: Memory, converter: Converter) -> None:
    """Puts the result of a call that changes its operand in the operand's place."""
    source, result = node.args[0] if node.args else None, found[node]
    if not (isinstance(source, fx.Node) and isinstance(result, Wire)):
        memory.add(node)
        return
    unchanged = result is found[source]
    if not unchanged and (changes_by_name(node) or converter.changed(result)):
        if (other := memory.used_otherwise(node, source)) is not None:
            raise LowlandError(
                f"{place_of(node, converter.path)} of the network changes values in place of which {other.name} is "
                "another view that is used later; expected operations that give new values"
            )
        for same in list(memory.same(source)):
            found[same] = result
        unchanged = True
    memory.add(node, unchanged=unchanged)


def _plain(c: Converter, node: fx.Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """A call that no value of the network goes into; the same trained constants for the same call."""
    called = getattr(args[0], node.target) if isinstance(node.target, str) else node.target
    with torch.enable_grad():
        result = called(*(args[1:] if isinstance(node.target, str) else args), **kwargs)
    if _computed_of_trained(result):
        result = c.once(lambda: _apart(result), node.target, args, kwargs)
    if isinstance(result, Tensor) and _holds(Rows, args, kwargs):
        raise LowlandError(
            f"{place_of(node)} of the network makes a tensor with as many rows as the inputs; expected constants of "
            "the shape of one row, which go with all of them"
        )
    return result


def _computed_of_trained(result: Any) -> bool:
    """Whether gradients would flow through a result, or through a part of it."""
    if isinstance(result, list | tuple):
        return any(map(_computed_of_trained, result))
    return isinstance(result, Tensor) and result.grad_fn is not None


def _apart(result: Any) -> Any:
    """What is computed of trained tensors, trained in their place."""
    if isinstance(result, list | tuple):
        return tuple(map(_apart, result))
    return result.detach().requires_grad_() if _computed_of_trained(result) else result


def _holds(kind: type, *parts: Any) -> bool:
    """Whether such an object is somewhere in arguments."""
    if isinstance(parts, kind):
        return True
    return any(
        isinstance(part, kind)
        or (isinstance(part, list | tuple) and _holds(kind, *part))
        or (isinstance(part, Mapping) and _holds(kind, *part.values()))
        or (isinstance(part, slice) and _holds(kind, part.start, part.stop, part.step))
        for part in parts
    )


def _attribute(modules: Mapping[str, nn.Module], target: str) -> Any:
    owner, _, name = target.rpartition(".")
    return getattr(modules[owner], name)


def _output(result: Any) -> str:
    """The name of the node whose value the network returns."""
    if isinstance(result, Wire):
        if result.merged:
            raise LowlandError(
                "forward of the network returns several places for each row; expected one row of outputs for each row "
                "of inputs: reshape them to (rows, places, ...) at the end"
            )
        return result.name
    raise LowlandError(
        f"forward of the network returns a {type(result).__name__}; expected one tensor: wrap it in a module whose "
        "forward returns the outputs alone"
    )
