"""Exact Hessian products of chains of linear and piecewise-linear layers, without autograd: the R-operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.landscape.curvature.chain_layers import Convolution, Reshape, Slope, TransposedConvolution, Weighted
from lowland.landscape.problem.model import Loss
from lowland.landscape.problem.rerouted import is_plain

WEIGHTED: dict[type[nn.Module], type[Weighted]] = {
    nn.Linear: Weighted,
    nn.Conv2d: Convolution,
    nn.ConvTranspose2d: TransposedConvolution,
}
SLOPED = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh)
RESHAPING = (nn.Flatten, nn.Unflatten)
SILENT = (nn.Identity, nn.Dropout)  # in evaluation mode

Step = Slope | Reshape | Weighted


@dataclass
class Linearised:
    """A chain at some rows: what every product there needs.

    Attributes:
        kept: By step, patches [in, positions] of layers with weights, slopes of activations; empty for others.
        gradients: By step, the loss gradient at the matrix product [out, positions]; empty for others.
        outputs: [rows, ...] leaf of the graph of ``slope``.
        slope: Gradient of the loss in the outputs, differentiable once more.
    """

    kept: list[Tensor]
    gradients: list[Tensor]
    outputs: Tensor
    slope: Tensor

    @property
    def num_bytes(self) -> int:
        """Memory held."""
        return sum(tensor.nbytes for tensor in (*self.kept, *self.gradients, self.outputs, self.slope))


class Chain:
    r"""A chain of layers whose Hessian products are computed directly.

    The derivative along v of one forward and one backward pass: :math:`H v = \frac{d}{d t} \nabla L(\theta + t v)`.
    Activations and loss gradients are shared by all vectors; each vector costs six matrix products a layer, as in
    autograd's double backward pass, but on rows that stay in the cache and for several vectors at once.

    Args:
        steps: In the order of computation.
        width: Values a row of the widest step.

    Source:
        Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6 (1994) 147.
    """

    def __init__(self, steps: list[Step], width: int) -> None:
        self._steps = steps
        self.width = width

    def linearised(self, loss: Loss, inputs: Tensor, targets: Tensor) -> Linearised:
        """One forward and one backward pass of rows; the loss must be their mean."""
        kept = [inputs.new_empty(0)] * len(self._steps)
        gradients = list(kept)
        values = inputs.detach().movedim(0, -1).contiguous()
        with torch.no_grad():
            for index, step in enumerate(self._steps):
                if isinstance(step, Reshape):
                    values = step.forward(values)
                else:
                    values, kept[index] = step.forward(values)
        outputs = values.movedim(-1, 0).contiguous().requires_grad_()
        (slope,) = torch.autograd.grad(loss(outputs, targets), outputs, create_graph=True)
        flow = slope.detach().movedim(0, -1).contiguous()
        first = min(index for index, step in enumerate(self._steps) if isinstance(step, Weighted))
        for index, step in reversed(list(enumerate(self._steps))[first:]):
            if isinstance(step, Slope):
                flow = flow * kept[index]
            elif isinstance(step, Reshape):
                flow = flow.reshape(*step.inside, -1)
            else:
                gradients[index] = step.unscatter(flow[None])[0]
                if index > first:
                    flow = step.backward(gradients[index])
        return Linearised(kept, gradients, outputs, slope)

    def add_products(self, at: Linearised, vectors: Tensor, into: Tensor) -> None:
        """Adds the products of the rows' Hessian with vectors [k, size] to ``into`` [k, size]."""
        moved: list[Tensor | None] = []
        tangents: Tensor | None = None
        for step, kept in zip(self._steps, at.kept, strict=True):
            moved.append(None)
            if isinstance(step, Weighted):
                tangents, moved[-1] = step.push(kept, tangents, vectors)
            elif tangents is not None:
                tangents = _carried(tangents, step.outside if isinstance(step, Reshape) else kept)
        flow = None if tangents is None else _bent(at, tangents)
        for index, step in reversed(list(enumerate(self._steps))):
            if flow is None:  # in front of the first layer with weights
                return
            if isinstance(step, Weighted):
                flow = step.pull(at.kept[index], moved[index], at.gradients[index], flow, vectors, into)
            else:
                flow = _carried(flow, step.inside if isinstance(step, Reshape) else at.kept[index])


def chain_of(model: nn.Module, parameters: dict[str, nn.Parameter], inputs: Tensor) -> Chain | None:
    """The model as a chain, or ``None`` where it is something else: then autograd must do.

    Chains are sequences (nested ones too) of linear layers on vectors, 2-d convolutions and transposed convolutions
    with one group and zero padding, ReLU-like activations and reshaping, every parameter trainable and used once, no
    hooks.

    Args:
        model: In evaluation mode.
        parameters: The trainable ones by name, in the order of the vectors.
        inputs: [rows, ...], to follow the shapes of one row.
    """
    places: dict[int, slice] = {}
    start = 0
    for parameter in parameters.values():
        places[id(parameter)] = slice(start, start + parameter.numel())
        start += parameter.numel()
    steps: list[Step] = []
    values = inputs.detach()[:1]
    width = 0
    for module in _leaves(model):
        if not is_plain(module) or type(module) not in (*WEIGHTED, *SLOPED, *RESHAPING, *SILENT):
            return None
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            weight = places.pop(id(module.weight), None)
            bias = None if module.bias is None else places.pop(id(module.bias), None)
            if weight is None or (bias is None) != (module.bias is None) or not _plain(module, values):
                return None
            steps.append(WEIGHTED[type(module)](module, weight, bias))
        elif isinstance(module, SLOPED):
            steps.append(Slope(module))
        elif isinstance(module, RESHAPING):
            steps.append(Reshape(module))
        with torch.no_grad():
            values = module(values.clone())
        if len(values) != 1 or values.ndim < 2:
            return None
        width = max(width, values.numel())
    return None if places else Chain(steps, width)


def _leaves(model: nn.Module) -> Iterator[nn.Module]:
    """The modules that compute, in order; a sequence with hooks is given itself."""
    if type(model) is not nn.Sequential or not is_plain(model):
        yield model
        return
    for child in model:
        yield from _leaves(child)


def _plain(module: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, inputs: Tensor) -> bool:
    """Whether the layer is one matrix product between gathering and scattering with zeros around."""
    if isinstance(module, nn.Linear):
        return inputs.ndim == 2
    zeros = module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return inputs.ndim == 4 and module.groups == 1 and zeros


def _carried(flow: Tensor, by: Tensor | tuple[int, ...]) -> Tensor:
    """[k, *features, rows] times slopes [*features, rows], or with features of another shape."""
    if isinstance(by, tuple):
        return flow.reshape(len(flow), *by, flow.shape[-1])
    return flow.mul_(by)


def _bent(at: Linearised, tangents: Tensor) -> Tensor:
    """How the loss gradient at the outputs changes along tangents [k, *features, rows] of the outputs."""
    if not at.slope.requires_grad:  # a loss linear in the outputs
        return torch.zeros_like(tangents)
    found = [
        torch.autograd.grad(at.slope, at.outputs, tangent.movedim(-1, 0), retain_graph=True)[0].movedim(0, -1)
        for tangent in tangents
    ]
    return torch.stack(found)
