"""Layers whose weights are computed (pruned, weight-normalised, parametrized) as layers that hold what is computed."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

KINDS = ("weight", "bias")
_COMPUTING = (prune.BasePruningMethod, WeightNorm, SpectralNorm)


def with_plain_weights(network: nn.Module) -> nn.Module:
    """The same function with weights and biases that are parameters, whatever computed them before.

    Pruning, weight and spectral normalisation and ``torch.nn.utils.parametrize`` leave other parameters in a layer than
    those it computes with. Masks of pruning stay as buffers (``weight_mask``); zeros that something else computes get
    one as well.

    Args:
        network: Any module; left as it came.

    Returns:
        A copy in evaluation mode, of layers of torch's own classes; the network itself if nothing is computed.
    """
    if not any(_computes(layer) for layer in network.modules()):
        return network
    plain = independent_copy(network)
    with torch.no_grad():
        for layer in list(plain.modules()):
            if _computes(layer):
                _make_plain(layer)
    return plain


def independent_copy(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, also of modules with computed tensors, which ``copy.deepcopy`` refuses.

    Args:
        network: Left as it came.
    """
    computed = {
        id(tensor): tensor.detach().clone()
        for layer in network.modules()
        for tensor in vars(layer).values()
        if isinstance(tensor, Tensor) and not tensor.is_leaf
    }
    return copy.deepcopy(network, computed).eval()


def pruned_tensors(network: nn.Module) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Names of the parameters with a mask that plain layers hold, the parameters and the masks (0 where pruned)."""
    for prefix, layer in network.named_modules():
        for kind in KINDS:
            mask, parameter = layer._buffers.get(f"{kind}_mask"), layer._parameters.get(kind)
            if mask is not None and parameter is not None:
                yield f"{prefix}.{kind}".lstrip("."), parameter, mask


def _computes(layer: nn.Module) -> bool:
    """Whether a layer computes its weights when it is called."""
    return parametrize.is_parametrized(layer) or any(
        isinstance(hook, _COMPUTING) for hook in layer._forward_pre_hooks.values()
    )


def _make_plain(layer: nn.Module) -> None:
    """Computes the weights once, as the next call would, and keeps the results as parameters; in place."""
    for key, hook in list(layer._forward_pre_hooks.items()):
        if isinstance(hook, _COMPUTING):
            hook(layer, None)
            del layer._forward_pre_hooks[key]
    computed = {kind: vars(layer).pop(kind) for kind in KINDS if isinstance(vars(layer).get(kind), Tensor)}
    prefixes = tuple(f"{kind}_" for kind in computed)
    sources = {name: p for name, p in layer._parameters.items() if p is not None and name.startswith(prefixes)}
    trained = {kind: any(p.requires_grad for name, p in sources.items() if name.startswith(kind)) for kind in computed}
    for name in sources:
        del layer._parameters[name]
    for name in [name for name in layer._buffers if name.startswith(prefixes)]:
        if name not in {f"{kind}_mask" for kind in KINDS}:
            del layer._buffers[name]
    if parametrize.is_parametrized(layer):
        # Not remove_parametrizations: it changes the class, which a copy shares with its original.
        for kind, parametrization in layer.parametrizations.items():  # type: ignore[union-attr, operator]  # a dict of modules
            computed[kind] = getattr(layer, kind)
            trained[kind] = any(p.requires_grad for p in parametrization.parameters())
        del layer._modules["parametrizations"]
        layer.__class__ = type(layer).__bases__[0]
    for kind, values in computed.items():
        values = values.detach().clone()
        layer.register_parameter(kind, nn.Parameter(values, requires_grad=trained[kind]))
        if f"{kind}_mask" not in layer._buffers and bool((values == 0).any()):
            layer.register_buffer(f"{kind}_mask", (values != 0).to(values))
