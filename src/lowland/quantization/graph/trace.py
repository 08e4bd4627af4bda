"""A network's graph, read off its forward by ``torch.fx``."""

from __future__ import annotations

import inspect
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from lowland.coding.folding import fold_batch_norm
from lowland.errors import LowlandError
from lowland.quantization.admission import check_numbers
from lowland.quantization.effective_weights import independent_copy, with_plain_weights
from lowland.quantization.graph.calls import SIZES, STATES, handler_of
from lowland.quantization.graph.converter import Converter, LastStates, Rows, Wire
from lowland.quantization.graph.in_place import AssigningProxy, Memory, changes_by_name
from lowland.quantization.graph.modules import WEIGHTED, Handler, handler_of_layer
from lowland.quantization.graph.traced_network import Node, TracedNetwork

Foreign = Mapping[type[nn.Module], Handler]

_LAYERS = "layers."
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_NEAREST = {
    "PReLU": "LeakyReLU has a fixed slope",
    "TransformerEncoderLayer": "spell it out of MultiheadAttention, LayerNorm and Linear",
    "InstanceNorm2d": "BatchNorm2d folds into the convolution before it",
    "RNN": "LSTM and GRU are supported",
    "LSTMCell": "LSTM runs over whole sequences",
    "GRUCell": "GRU runs over whole sequences",
    "Bilinear": "multiply two Linear layers' results",
}


def traced(
    network: nn.Module,
    *,
    float_from: str | None = None,
    example: Tensor | None = None,
    foreign: Foreign | None = None,
) -> TracedNetwork:
    """The graph of a network, weights computed and batch-norm folded.

    Layers inside a module named ``layers`` that holds all of them go by their names there.

    Args:
        network: Left as it came; in evaluation mode if it has batch-norm.
        float_from: Name of the layer (or nested module) from which on everything stays float.
        example: Inputs [rows, ...] that tell sizes; needed only where the forward computes with them.
        foreign: What turns layers of other packages into nodes, by their class.

    Raises:
        LowlandError: Weights that are not finite or no float32, a forward that branches on its data, operations that
            cannot be quantized (all of them are named), or values that mix rows.
    """
    check_numbers(network)
    folded = fold_batch_norm(with_plain_weights(network))
    if folded is not network:  # a norm of zero, a negative variance
        check_numbers(folded)
    root = _apart(independent_copy(folded))
    if type(root).forward is nn.Module.forward:  # a mere holder of layers
        if not isinstance(getattr(root, "layers", None), nn.Sequential):
            raise LowlandError(
                f"network is a {type(network).__name__} without a forward; expected an nn.Module that computes "
                "something, or one with an nn.Sequential in `.layers`"
            )
        root = root.layers  # type: ignore[assignment]  # just seen
    foreign = foreign or {}
    graph = _Tracer(foreign).traced(root)
    modules = dict(root.named_modules(remove_duplicate=False))
    _check_supported(graph, modules, foreign)
    converter = Converter(example)
    output = _converted(graph, modules, converter, foreign)
    nodes = _bare(converter.nodes)
    _check_weights_once(nodes)
    island = None
    if float_from is not None:
        nodes, output, island = _cut(nodes, converter.paths, output, float_from)
    if not any(isinstance(node.layer, WEIGHTED) or _stores(node.layer) for node in nodes.values()):
        raise LowlandError(
            f"the network has {len(nodes)} layers and none with weights; expected at least one such as Linear or "
            "Conv2d" + (", before the part that stays float" if float_from else "")
        )
    return TracedNetwork(_needed(nodes, output), output, island)


class _Tracer(fx.Tracer):
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
        return AssigningProxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if "forward" in vars(m) or any(getattr(m, hooks) for hooks in _HOOKS):
            return False  # something is done beside the layer: it is seen from inside
        return _handler(m, self._foreign) is not None or (
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


def _handler(layer: nn.Module, foreign: Foreign) -> Handler | None:
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


def _place(node: fx.Node, path: str = "") -> str:
    """Where a call stands, for messages."""
    if node.op == "call_module":
        return f"layer {path}"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    for line in reversed((node.stack_trace or "").splitlines()):
        file, _, rest = line.strip().partition('", line ')
        if rest and _own(file):
            return f"{name} at {file.rpartition('/')[2]}:{rest.partition(',')[0]}"
    return str(name)


def _check_supported(graph: fx.Graph, modules: Mapping[str, nn.Module], foreign: Foreign) -> None:
    """Refuse what nothing turns into nodes, all of it at once."""
    values: set[fx.Node] = set()
    missing: list[str] = []
    for node in graph.nodes:
        of_value = any(source in values for source in node.all_input_nodes)
        if node.op == "placeholder":
            values.add(node)
        elif node.op == "call_module":
            values.add(node)
            layer = modules[str(node.target)]
            if _handler(layer, foreign) is None:
                missing.append(_advised(f"{_without_holder(str(node.target))} ({type(layer).__name__})", layer))
        elif node.op in ("call_function", "call_method") and of_value:
            if handler_of(node.target) is None:
                missing.append(_place(node))
            if _name(node.target) not in SIZES:
                values.add(node)
    if missing:
        raise LowlandError(
            f"the network has {len(missing)} operation{'s' * (len(missing) > 1)} that cannot be quantized: "
            f"{', '.join(missing)}; expected layers with weights, activations, pooling, sums, products, concatenation "
            "and changes of shape: replace them, or leave the end of the network in float by float_from"
        )


def _name(target: Any) -> str:
    return target if isinstance(target, str) else getattr(target, "__name__", "")


def _advised(name: str, layer: nn.Module) -> str:
    nearest = _NEAREST.get(type(layer).__name__)
    return f"{name}: {nearest}" if nearest else name


def _converted(graph: fx.Graph, modules: Mapping[str, nn.Module], converter: Converter, foreign: Foreign) -> str:
    """Collects the nodes of all calls; the name of the one that is the output."""
    found: dict[fx.Node, Any] = {}
    memory = Memory(modules)
    inside = [str(node.target) for node in graph.nodes if node.op == "call_module"]
    strip = bool(inside) and all(path.startswith(_LAYERS) for path in inside)
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
            shown = path.removeprefix(_LAYERS) if strip else path
            converter.at(name=shown.replace(".", "_"), place=f"layer {shown}", path=shown)
            handler = _handler(modules[path], foreign)
            assert handler is not None  # all have been looked for
            if not args and "input" in kwargs:
                args, kwargs = (kwargs["input"],), {name: kwargs[name] for name in kwargs if name != "input"}
            found[node] = _called(f"layer {shown}", handler, converter, modules[path], *args, **kwargs)
        elif _holds(Wire, args, kwargs):
            handler = handler_of(node.target)
            assert handler is not None
            if _holds(LastStates, args, kwargs) and _name(node.target) not in STATES:
                raise LowlandError(LastStates.refusal(_place(node)))
            converter.at(name=node.name, place=_place(node))
            found[node] = _called(_place(node), handler, converter, *args, **kwargs)
        else:
            found[node] = _called(_place(node), _plain, node, args, kwargs)
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
                f"{_place(node, converter.path)} of the network changes values in place of which {other.name} is "
                "another view that is used later; expected operations that give new values"
            )
        for same in list(memory.same(source)):
            found[same] = result
        unchanged = True
    memory.add(node, unchanged=unchanged)


def _plain(node: fx.Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """A call that no value of the network goes into."""
    with torch.no_grad():
        called = getattr(args[0], node.target) if isinstance(node.target, str) else node.target
        result = called(*(args[1:] if isinstance(node.target, str) else args), **kwargs)
    if isinstance(result, Tensor) and _holds(Rows, args, kwargs):
        raise LowlandError(
            f"{_place(node)} of the network makes a tensor with as many rows as the inputs; expected constants of the "
            "shape of one row, which go with all of them"
        )
    return result


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
        return result.name
    raise LowlandError(
        f"forward of the network returns a {type(result).__name__}; expected one tensor: wrap it in a module whose "
        "forward returns the outputs alone"
    )


def _apart(network: nn.Module) -> nn.Module:
    """The network with one object for each place of layers without tensors, so that each has a name; in place."""
    seen: set[int] = set()
    for module in list(network.modules()):
        for name, child in module._modules.items():
            if child is None or next(child.parameters(), None) is not None or next(child.buffers(), None) is not None:
                continue
            if id(child) in seen and not any(getattr(child, hooks) for hooks in _HOOKS):
                module._modules[name] = independent_copy(child)
            seen.add(id(child))
    return network


def _bare(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes with layers of their own, without the hooks that the trace has followed."""
    for node in nodes.values():
        for part in node.layer.modules():
            for hooks in _HOOKS:
                getattr(part, hooks).clear()
            vars(part).pop("forward", None)
    return dict(nodes)


def _stores(layer: nn.Module) -> bool:
    return next(layer.parameters(), None) is not None


def _check_weights_once(nodes: Mapping[str, Node]) -> None:
    """Refuse layers with weights that are called twice, and trained weights that functions take twice."""
    owners: dict[int, str] = {}
    for node in nodes.values():
        if getattr(node.layer, "shareable", False):  # a foreign quantizer: several values may have its scale
            continue
        for parameter in node.layer.parameters():
            place = parameter.data_ptr() if parameter.requires_grad and parameter.numel() else id(parameter)
            if owners.setdefault(place, node.name) != node.name:
                raise LowlandError(
                    f"{node.place} of the network has the weights of layer {owners[place]}; expected layers "
                    "with weights of their own"
                )


def _without_holder(path: str) -> str:
    return path.removeprefix(_LAYERS)


def _cut(
    nodes: dict[str, Node], paths: Mapping[str, str], output: str, float_from: str
) -> tuple[dict[str, Node], str, tuple[str, nn.Sequential]]:
    """The nodes before a layer, the name of the last, and all that follows as layers in turn."""
    names = list(nodes)
    begins = [
        index
        for index, name in enumerate(names)
        if paths[name] == float_from or paths[name].startswith(f"{float_from}.")
    ]
    if not begins:
        raise LowlandError(
            f"float_from is {float_from!r}; expected the name of a layer: {', '.join(filter(None, paths.values()))}"
        )
    rest = names[begins[0] :]
    source = nodes[rest[0]].inputs[0]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = source
    for name in rest:
        if nodes[name].inputs != (before,):
            raise LowlandError(
                f"{nodes[name].place} of the network, in the part that stays float, takes "
                f"{', '.join(nodes[name].inputs)}; expected layers in turn, each taking the one before"
            )
        inner = paths[name].removeprefix(f"{float_from}.").replace(".", "_") or name
        layers[inner], before = nodes[name].layer, name
    if before != output:
        raise LowlandError(f"the output of the network is {output!r}; expected the last layer of what stays float")
    return (
        {name: nodes[name] for name in names[: begins[0]]},
        source,
        (
            float_from.replace(".", "_"),
            nn.Sequential(layers),
        ),
    )


def _needed(nodes: Mapping[str, Node], output: str) -> dict[str, Node]:
    """The nodes that the output depends on."""
    wanted = {output}
    for name in reversed(list(nodes)):
        if name in wanted:
            wanted.update(nodes[name].inputs)
    return {name: node for name, node in nodes.items() if name in wanted}
