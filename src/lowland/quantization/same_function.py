"""The check that the layers that are quantized compute what the network does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.effective_weights import independent_copy

_OF_SPREAD = 1e-3
_OF_SIZE = 1e-5  # sums in another order, a batch-norm folded: float32 errs by its own digits


class GivenNetwork:
    """A float network as it was given and the layers that were read off it, until they have been compared.

    Args:
        network: Left as it came; a copy in evaluation mode is kept.
        layers: In their order, with what stays float; copied likewise.
    """

    def __init__(self, network: nn.Module, layers: Sequence[nn.Module]) -> None:
        callable_at_all = type(network).forward is not nn.Module.forward  # a mere holder of layers has no function
        self._network = independent_copy(network) if callable_at_all else None
        self._layers = [_bare(layer) for layer in layers] if callable_at_all else []

    @torch.no_grad()
    def check(self, inputs: Tensor) -> None:
        """Compare the two on samples, in float.

        Args:
            inputs: [samples, ...].

        Raises:
            LowlandError: They differ by more than rounding.
        """
        if self._network is None:
            return
        expected = self._network(inputs)
        name = type(self._network).__name__
        remedy = (
            "expected a forward that does nothing but call its layers in turn: do the rest to the inputs beforehand, "
            "or make it layers"
        )
        if not isinstance(expected, Tensor):
            raise LowlandError(f"{name} gives a {type(expected).__name__}, its layers alone a tensor; {remedy}")
        found = inputs
        try:
            for layer in self._layers:
                found = layer(found)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise LowlandError(f"{name} computes what its layers alone cannot ({reason}); {remedy}") from error
        if found.shape != expected.shape:
            shapes = f"{tuple(expected.shape)}, its layers alone {tuple(found.shape)}"
            raise LowlandError(f"{name} gives outputs of shape {shapes}; {remedy}")
        if not (found.isfinite().all() or expected.isfinite().all()):
            return  # both overflow: calibration names the layer
        difference = float((found - expected).abs().max())
        spread, size = float(expected.max() - expected.min()), float(expected.abs().max())
        if not difference <= _OF_SPREAD * spread + _OF_SIZE * size:  # NaN is different
            raise LowlandError(
                f"{name} differs from its layers alone by up to {difference:.3g} on the calibration inputs (outputs "
                f"spread over {spread:.3g}); {remedy}"
            )


def _bare(layer: nn.Module) -> nn.Module:
    """A copy without hooks and without a forward of its own: what is read off a layer."""
    bare = independent_copy(layer)
    for part in bare.modules():
        part._forward_hooks.clear()
        part._forward_pre_hooks.clear()
        vars(part).pop("forward", None)
    return bare
