"""The recipe ``ema``: what is kept is an average of the weights over the last steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lowland.training.modes import evaluated
from lowland.training.recipe_base import Iterates, RecipeBase


class Ema(RecipeBase):
    """Validates, keeps and fine-tunes an exponential moving average of the weights; training itself is plain.

    w̄ after t steps = Σ (1 − decay)·decay^(t−i)·w_i / (1 − decay^t), i from 1 to t: the initial weights have no part in
    it. Running statistics of batch-norm belong to the weights that they were taken with: those of the average are taken
    anew, over the training samples, whenever it is validated. Learned scales of quantizers are averaged as weights are.

    Attributes:
        decay: At least 0 (plain training), below 1; the average reaches back about 1/(1 − decay) steps.

    Source:
        Polyak & Juditsky 1992, SIAM J. Control Optim. 30(4), 838-855; bias correction: Kingma & Ba 2015, arXiv
        1412.6980, section 3; statistics of batch-norm: Izmailov et al. 2018, arXiv 1803.05407.
    """

    kind: Literal["ema"]
    decay: Annotated[float, Field(ge=0, lt=1)]

    def iterates(self) -> Iterates:
        """The average; without decay it is the last weights, whose running statistics are at hand."""
        return Average(self.decay) if self.decay else Iterates()


class Average(Iterates):
    """An exponential moving average of the trained parameters, with bias correction.

    Args:
        decay: Above 0, below 1.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self._steps = 0
        self._means: dict[str, Tensor] = {}

    def add(self, network: nn.Module) -> None:
        """Takes the weights after a step into the average."""
        self._steps += 1
        share = (1 - self.decay) / (1 - self.decay**self._steps)
        for name, parameter in _trained(network):
            # In float32 a small share of a small difference would be lost; Apple's devices have nothing wider.
            wide = parameter.dtype if parameter.device.type == "mps" else torch.float64
            weights = parameter.detach().to(wide)
            mean = self._means.get(name)
            self._means[name] = weights.clone() if mean is None else mean.lerp_(weights, share)

    @contextmanager
    def kept(self, network: nn.Module, inputs: Tensor, batches: Sequence[Tensor]) -> Iterator[None]:
        """The network with the averaged weights, and with running statistics of its own."""
        counting = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.training]
        counting = [layer for layer in counting if layer.running_mean is not None]
        buffers = [buffer for layer in counting for buffer in layer.buffers()]
        held = [*(parameter for _, parameter in _trained(network)), *buffers]
        iterate = [tensor.detach().clone() for tensor in held]
        with torch.no_grad():
            for name, parameter in _trained(network):
                parameter.copy_(self._means[name])
        if counting:
            take_statistics(network, counting, inputs, batches)
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, values in zip(held, iterate, strict=True):
                    tensor.copy_(values)


@torch.no_grad()
def take_statistics(
    network: nn.Module, layers: Sequence[_BatchNorm], inputs: Tensor, batches: Sequence[Tensor]
) -> None:
    """Sets running statistics to the mean of those of the batches, with the network's present weights.

    Args:
        network: Its other layers compute in evaluation mode: dropout would change the statistics, and draw. All modes
            are left as they came.
        layers: Of the network, in training mode; those whose statistics are taken.
        inputs: [n, ...].
        batches: Sample numbers of each batch.
    """
    momenta = [layer.momentum for layer in layers]
    with evaluated(network):
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum, layer.training = None, True  # None: the mean of all batches
        for index in batches:
            network(inputs[index])
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _trained(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, p) for name, p in network.named_parameters() if p.requires_grad)
