"""The check that what is quantized computes what the network does."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.effective_weights import independent_copy
from lowland.quantization.graph.traced_network import TracedNetwork

_FEW = 2  # rows
_OF_SPREAD = 1e-3
_OF_SIZE = 1e-5  # sums in another order, a batch-norm folded: float32 errs by its own digits


class GivenNetwork:
    """A float network as it was given and the graph that was read off it, until they have been compared.

    Args:
        network: Left as it came; a copy in evaluation mode is kept.
        graph: Copied likewise.
    """

    def __init__(self, network: nn.Module, graph: TracedNetwork) -> None:
        callable_at_all = type(network).forward is not nn.Module.forward  # a mere holder of layers has no function
        self._network = independent_copy(network) if callable_at_all else None
        self._graph = copy.deepcopy(graph) if callable_at_all else graph

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
        name = type(self._network).__name__
        remedy = (
            "expected a forward that makes the same calls for all inputs: leave out what depends on their values, "
            "their number or on earlier calls"
        )
        try:  # with clones: a forward may work in place
            expected, again, few = (self._network(rows.clone()) for rows in (inputs, inputs, inputs[:_FEW]))
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise LowlandError(f"{name} cannot take some of the calibration inputs ({reason}); {remedy}") from error
        try:
            found = self._graph(inputs)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise LowlandError(f"{name} computes what its graph alone cannot ({reason}); {remedy}") from error
        if found.shape != expected.shape:
            shapes = f"{tuple(expected.shape)}, its graph alone {tuple(found.shape)}"
            raise LowlandError(f"{name} gives outputs of shape {shapes}; {remedy}")
        if not (found.isfinite().all() or expected.isfinite().all()):
            return  # both overflow: calibration names the layer
        spread, size = float(expected.max() - expected.min()), float(expected.abs().max())
        tolerance = _OF_SPREAD * spread + _OF_SIZE * size
        if again.shape != expected.shape or not float((again - expected).abs().max()) <= tolerance:
            raise LowlandError(f"{name} gives other outputs when it is called again with the same inputs; {remedy}")
        if few.shape != expected[:_FEW].shape or not float((few - expected[:_FEW]).abs().max()) <= tolerance:
            raise LowlandError(f"{name} gives other outputs when it is called with {_FEW} of the inputs; {remedy}")
        difference = float((found - expected).abs().max())
        if not difference <= tolerance:  # NaN is different
            raise LowlandError(
                f"{name} differs from its graph alone by up to {difference:.3g} on the calibration inputs (outputs "
                f"spread over {spread:.3g}); {remedy}"
            )
