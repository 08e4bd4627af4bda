"""Batch-norm folded into the layers before it: what is deployed, and what landscapes are measured on."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lowland.errors import LowlandError

# Exact types: subclasses (Brevitas' layers, weight-normalised ones) do more with their weights than multiply.
_BATCH_NORMS: dict[type[nn.Module], tuple[type[nn.Module], int]] = {
    nn.Linear: (nn.BatchNorm1d, 2),
    nn.Conv1d: (nn.BatchNorm1d, 3),
    nn.Conv2d: (nn.BatchNorm2d, 4),
    nn.Conv3d: (nn.BatchNorm3d, 5),
    nn.ConvTranspose1d: (nn.BatchNorm1d, 3),
    nn.ConvTranspose2d: (nn.BatchNorm2d, 4),
    nn.ConvTranspose3d: (nn.BatchNorm3d, 5),
}
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def fold_batch_norm(model: nn.Module) -> nn.Module:
    r"""The same function with every batch-norm merged into the linear or (transposed) convolutional layer before it.

    :math:`W' = \gamma W / \sqrt{\sigma^2 + \epsilon}`, :math:`b' = \gamma (b - \mu) / \sqrt{\sigma^2 + \epsilon} +
    \beta`. Which layer a batch-norm follows is read off the traced graph (``torch.fx``); parts of a model that cannot
    be traced are searched one by one, an ``nn.Sequential`` by neighbours. A batch-norm stays where it is if it follows
    something else, if somebody else uses the layer's result, weight or the layer itself, if it keeps no running
    statistics, or if either of the two carries hooks.

    Args:
        model: Any module; left as it came.

    Returns:
        A copy in evaluation mode, of the same class and with the same names, with ``Folded`` in place of the merged
        batch-norms; the model itself if there is nothing to fold.

    Raises:
        LowlandError: A batch-norm in training mode.

    Source:
        Jacob et al. 2018, arXiv:1712.05877, section 3.2.
    """
    norms = {name: module for name, module in model.named_modules() if isinstance(module, _BatchNorm)}
    for name, norm in norms.items():
        if norm.training:
            raise LowlandError(
                f"model: batch-norm {name!r} is in training mode, where its statistics change with every batch; "
                "expected evaluation mode: call model.eval() first"
            )
    if not norms:
        return model
    folded = copy.deepcopy(model).eval()  # what is traced is what is deployed
    pairs = list(_pairs(folded))
    for first, second in pairs:
        parent, _, child = second.rpartition(".")
        replacement = _folded(folded.get_submodule(first), cast(_BatchNorm, folded.get_submodule(second)))
        setattr(folded.get_submodule(parent), child, replacement)
    return folded.eval() if pairs else model


class Folded(nn.Identity):
    """Stands where a batch-norm was; the layer before does its work.

    Args:
        ndim: How many dimensions the values must have for the layer's channels to be the batch-norm's.
    """

    def __init__(self, ndim: int) -> None:
        super().__init__()
        self.ndim = ndim

    def forward(self, input: Tensor) -> Tensor:
        """The values themselves.

        Raises:
            LowlandError: Values of another number of dimensions: the batch-norm would have worked along another axis.
        """
        if input.ndim != self.ndim:
            raise LowlandError(
                f"a folded batch-norm got values of {input.ndim} dimensions; expected {self.ndim}, rows first and the "
                "layer's channels second: use the model as it was before fold_batch_norm"
            )
        return input


def _folded(layer: nn.Module, norm: _BatchNorm) -> Folded:
    """Merges the batch-norm into the layer, in place; what takes the batch-norm's place."""
    weight = cast(nn.Parameter, layer.weight)
    bias = cast(nn.Parameter | None, layer.bias)
    mean, variance = (_exact(cast(Tensor, statistic)) for statistic in (norm.running_mean, norm.running_var))
    gain = (variance + norm.eps).rsqrt()
    if norm.weight is not None:
        gain = gain * _exact(norm.weight)
    shift = -mean if bias is None else _exact(bias) - mean
    shift = shift * gain if norm.bias is None else shift * gain + _exact(norm.bias)
    trained = weight.requires_grad or any(p.requires_grad for p in norm.parameters())
    kernel = _exact(weight)
    if isinstance(layer, _TRANSPOSED):  # [in, out / groups, ...]
        groups = layer.groups
        by_group = kernel.reshape(groups, len(kernel) // groups, *kernel.shape[1:])
        kernel = (by_group * gain.reshape(groups, 1, -1, *[1] * (kernel.ndim - 2))).reshape(kernel.shape)
    else:
        kernel = kernel * gain.reshape(-1, *[1] * (kernel.ndim - 1))
    layer.weight = nn.Parameter(kernel.to(weight), requires_grad=weight.requires_grad)
    layer.bias = nn.Parameter(shift.to(weight), requires_grad=trained if bias is None else bias.requires_grad)
    return Folded(_BATCH_NORMS[type(layer)][1])


def _exact(values: Tensor) -> Tensor:
    """In float64 on the CPU, as some accelerators have none."""
    return values.detach().to("cpu", torch.float64)


def _pairs(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of the layers that can be folded into and of their batch-norms."""
    modules = dict(model.named_modules())
    places = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    uses = Counter(id(p) for _, p in _registered_parameters(model))
    for first, second in _neighbours(model, ""):
        layer, norm = modules.get(first), modules.get(second)
        if layer is None or norm is None or places[id(layer)] > 1 or places[id(norm)] > 1:
            continue  # the same object under a second name
        if type(layer) not in _BATCH_NORMS or type(norm) is not _BATCH_NORMS[type(layer)][0]:
            continue
        statistics = norm.running_mean is not None and norm.running_var is not None
        hooked = any(getattr(module, hooks) for module in (layer, norm) for hooks in _HOOKS)
        owned = all(uses[id(p)] == 1 for module in (layer, norm) for p in module.parameters())
        weight = layer._parameters.get("weight")  # none where old-style weight normalisation computes it
        if statistics and not hooked and owned and weight is not None and _channels(layer) == norm.num_features:
            yield first, second


def _channels(layer: nn.Module) -> int:
    """Number of output channels."""
    return cast(int, layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)


def _registered_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Every place at which a parameter is registered in some module, shared ones several times."""
    for prefix, module in model.named_modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                yield f"{prefix}.{name}", parameter


def _neighbours(module: nn.Module, prefix: str) -> Iterator[tuple[str, str]]:
    """Names of two modules of which the second takes the first one's result, which nobody else takes."""
    if not any(isinstance(part, _BatchNorm) for part in module.modules()) or isinstance(module, _BatchNorm):
        return
    for fine in (True, False):
        graph = _traced(module, fine=fine)
        if graph is not None:
            yield from ((prefix + first, prefix + second) for first, second in _consumers(graph))
            return
    if type(module).forward is nn.Sequential.forward:
        yield from ((f"{prefix}{first}", f"{prefix}{second}") for first, second in pairwise(module._modules))
    for name, child in module.named_children():
        yield from _neighbours(child, f"{prefix}{name}.")


class _Tracer(fx.Tracer):
    """Looks into modules of others than torch: into all, or only into those that hold a batch-norm."""

    def __init__(self, *, fine: bool) -> None:
        super().__init__()
        self.fine = fine

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if super().is_leaf_module(m, module_qualified_name):
            return True
        return not self.fine and not any(isinstance(part, _BatchNorm) for part in m.modules())


def _traced(module: nn.Module, *, fine: bool) -> fx.Graph | None:
    """The module's graph, or nothing if its forward cannot be traced."""
    with torch.random.fork_rng(devices=[]):  # a forward that draws numbers draws them while it is traced
        try:
            return _Tracer(fine=fine).trace(module)
        except Exception:  # whatever a forward may raise when it is given no numbers
            return None


def _consumers(graph: fx.Graph) -> Iterator[tuple[str, str]]:
    """Pairs of modules, the second of which alone consumes what the first gives, in all their calls."""
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    touched = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    whole = tuple(f"{target}." for target in calls)  # what lies inside a module that is called as a whole
    found: Counter[tuple[str, str]] = Counter()
    for node in graph.nodes:
        if node.op != "call_module" or len(node.all_input_nodes) != 1:
            continue
        source = node.all_input_nodes[0]
        names = (str(source.target), str(node.target))
        alone = len(source.users) == 1 and not any(name in touched for name in names)
        if source.op == "call_module" and alone and not any(name.startswith(whole) for name in names):
            found[names] += 1
    # Of layers that are called several times, all calls must be together.
    yield from (names for names, count in found.items() if all(calls[name] == count for name in names))
