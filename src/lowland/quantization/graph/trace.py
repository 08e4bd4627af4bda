"""A network's graph, read off its forward by ``torch.fx``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, fx, nn

from lowland.coding.folding import fold_batch_norm
from lowland.errors import LowlandError
from lowland.quantization.admission import check_numbers
from lowland.quantization.effective_weights import independent_copy, with_plain_weights
from lowland.quantization.graph.calls.registry import SIZES, handler_of
from lowland.quantization.graph.conversion import converted
from lowland.quantization.graph.converter import Converter
from lowland.quantization.graph.operations import weighted_kind
from lowland.quantization.graph.traced_network import Node, TracedNetwork
from lowland.quantization.graph.tracer import HOOKS, LAYERS, Foreign, Tracer, handler_for, name_of, place_of

_NEAREST = {
    "TransformerEncoderLayer": "spell it out of MultiheadAttention, LayerNorm and Linear",
    "RReLU": "LeakyReLU has a fixed slope, PReLU a trained one",
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
    graph = Tracer(foreign).traced(root)
    modules = dict(root.named_modules(remove_duplicate=False))
    _check_supported(graph, modules, foreign)
    converter = Converter(example)
    output = converted(graph, modules, converter, foreign)
    nodes = _bare(converter.nodes)
    _check_weights_once(nodes, converter, foreign=bool(foreign))
    island = None
    if float_from is not None:
        nodes, output, island = _cut(nodes, converter.paths, output, float_from)
    if not any(_stores(node.layer) for node in nodes.values()):
        raise LowlandError(
            f"the network has {len(nodes)} layers and none with weights; expected at least one such as Linear or "
            "Conv2d" + (", before the part that stays float" if float_from else "")
        )
    return TracedNetwork(_needed(nodes, output), output, island)


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
            if handler_for(layer, foreign) is None:
                missing.append(_advised(f"{str(node.target).removeprefix(LAYERS)} ({type(layer).__name__})", layer))
        elif node.op in ("call_function", "call_method") and of_value:
            if handler_of(node.target) is None:
                missing.append(place_of(node))
            if name_of(node.target) not in SIZES:
                values.add(node)
    if missing:
        raise LowlandError(
            f"the network has {len(missing)} operation{'s' * (len(missing) > 1)} that cannot be quantized: "
            f"{', '.join(missing)}; expected layers with weights, activations, pooling, sums, products, concatenation "
            "and changes of shape: replace them, or leave the end of the network in float by float_from"
        )


def _advised(name: str, layer: nn.Module) -> str:
    nearest = _NEAREST.get(type(layer).__name__)
    return f"{name}: {nearest}" if nearest else name


def _apart(network: nn.Module) -> nn.Module:
    """The network with one object for each place of layers without tensors, so that each has a name; in place."""
    seen: set[int] = set()
    for module in list(network.modules()):
        for name, child in module._modules.items():
            if child is None or next(child.parameters(), None) is not None or next(child.buffers(), None) is not None:
                continue
            if id(child) in seen and not any(getattr(child, hooks) for hooks in HOOKS):
                module._modules[name] = independent_copy(child)
            seen.add(id(child))
    return network


def _bare(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes with layers of their own, without the hooks that the trace has followed."""
    for node in nodes.values():
        for part in node.layer.modules():
            for hooks in HOOKS:
                getattr(part, hooks).clear()
            vars(part).pop("forward", None)
    return dict(nodes)


def _stores(layer: nn.Module) -> bool:
    return next(layer.parameters(), None) is not None


def _check_weights_once(nodes: Mapping[str, Node], converter: Converter, *, foreign: bool) -> None:
    """Refuse what is stored once and used twice, but for layers with weights that are called on several values.

    Args:
        nodes: The graph.
        converter: What has made it.
        foreign: Whether layers of other packages are among them, which are read one by one.
    """
    owners: dict[int, Node] = {}
    for node in nodes.values():
        if getattr(node.layer, "shareable", False):  # a foreign quantizer: several values may have its scale
            continue
        for parameter in converter.trained_in(node.layer):
            place = parameter.data_ptr() if parameter.requires_grad and parameter.numel() else id(parameter)
            owner = owners.setdefault(place, node)
            if owner is node or (owner.layer is node.layer and weighted_kind(node.layer) is not None and not foreign):
                continue
            raise LowlandError(
                f"{node.place} of the network has the weights of layer {owner.name}; expected layers with weights of "
                "their own: only a linear or convolutional layer can be called on several values, as a whole"
            )


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
        if any(nodes[other].layer is nodes[name].layer for other in names if other != name) and _stores(
            nodes[name].layer
        ):
            raise LowlandError(
                f"{nodes[name].place} of the network, in the part that stays float, is called several times; expected "
                "layers of its own there"
            )
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
