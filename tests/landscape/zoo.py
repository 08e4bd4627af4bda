"""Small architectures of every kind, beside the plainer ones of ``tests.cases``: values where there are some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.utils.prune
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

ROWS = 12
CROSS_ENTROPY = functional.cross_entropy


class Made(nn.Module):
    """Layers under names, and any way through them."""

    def __init__(self, call: Callable[..., Any], **parts: nn.Module | nn.Parameter | Tensor) -> None:
        super().__init__()
        self.call = call
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, inputs: Tensor) -> Any:
        return self.call(self, inputs)


class Step(torch.autograd.Function):
    """Rounds, and passes gradients straight through."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return (4 * values).round() / 4

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class LowRank(nn.Module):
    """A weight that is a product of two, as a parametrization."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.randn(4, 2))

    def forward(self, weight: Tensor) -> Tensor:
        return self.left @ weight[:2]


@dataclass(frozen=True)
class Animal:
    """One architecture with rows and a loss.

    Attributes:
        build: The model; evaluated in double precision unless ``dtype`` says otherwise.
        shape: Of one row.
        loss: Mean over rows.
        targets: Their shape without rows, for losses of numbers; class labels otherwise.
        labels: Type of class labels.
        tokens: Whether inputs are whole numbers below 7.
        refused: A part of the one line with which it is refused; empty where there is a value.
        dtype: Of the model and inputs.
        exact: Whether the trace is without error.
    """

    build: Callable[[], nn.Module]
    shape: tuple[int, ...] = (4,)
    loss: Callable[..., Tensor] = CROSS_ENTROPY
    targets: tuple[int, ...] | None = None
    labels: torch.dtype = torch.int64
    tokens: bool = False
    refused: str = ""
    dtype: torch.dtype = torch.float64
    exact: bool = True
    classes: int = 3

    def model(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return self.build().to(self.dtype).eval()

    def data(self) -> tuple[Tensor, Tensor]:
        draws = torch.Generator().manual_seed(8)
        inputs = torch.randn(ROWS, *self.shape, generator=draws, dtype=torch.float64).to(self.dtype)
        if self.tokens:
            inputs = torch.randint(0, 7, (ROWS, *self.shape), generator=draws)
        if self.targets is None:
            return inputs, torch.randint(0, self.classes, (ROWS,), generator=draws).to(self.labels)
        return inputs, torch.rand(ROWS, *self.targets, generator=draws, dtype=torch.float64).to(self.dtype)


def _linear(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _two_heads(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    hidden = self.a(x).relu()
    return self.b(hidden), self.c(hidden)


def _both(outputs: Any, targets: Tensor) -> Tensor:
    first, second = outputs.values() if isinstance(outputs, dict) else outputs
    return functional.cross_entropy(first, targets) + second.square().mean()


def _by_masks(outputs: Tensor, targets: Tensor) -> Tensor:
    apart = outputs - targets
    near = apart.abs() < 0.7
    found = torch.empty_like(apart)
    found[near] = apart[near] ** 2
    found[~near] = 1.4 * apart[~near].abs() - 0.49
    return found.mean()


def _attention(self: Any, x: Tensor) -> Tensor:
    attended = functional.scaled_dot_product_attention(self.q(x)[:, None], self.k(x)[:, None], self.v(x)[:, None])
    return self.o(attended[:, 0].mean(1))


def _hooked() -> nn.Module:
    model = _linear(4, 5, 3)
    model[0].register_forward_hook(lambda module, args, output: 2 * output)
    return model


def _pruned() -> nn.Module:
    model = _linear(4, 5, 3)
    torch.nn.utils.prune.random_unstructured(model[0], "weight", 0.4)
    return model


def _tied() -> nn.Module:
    model = _linear(4, 4, 4)
    model[2].weight = model[0].weight
    return model


def _partly_frozen() -> nn.Module:
    model = _linear(4, 5, 3)
    model[0].weight.requires_grad_(False)
    return model


def _compiled() -> nn.Module:
    return torch.compile(_linear(4, 5, 3), backend="eager")


ZOO: dict[str, Animal] = {
    "position code": Animal(
        lambda: Made(
            lambda s, x: s.b((s.a(x) + s.p(s.w)).relu().mean(1)),
            p=nn.Linear(2, 4),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 3),
            w=torch.randn(1, 5, 2),
        ),
        (5, 3),
    ),
    "time first, as many steps as rows": Animal(
        lambda: Made(
            lambda s, x: s.b(s.a(x.transpose(0, 1)).relu().transpose(0, 1).mean(1)),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 3),
        ),
        (ROWS, 3),
    ),
    "time first, as many steps as rows are tried": Animal(
        lambda: Made(
            lambda s, x: s.b(s.a(x.transpose(0, 1)).relu().transpose(0, 1).mean(1)),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 3),
        ),
        (8, 3),
    ),
    "rows and steps in one": Animal(
        lambda: Made(
            lambda s, x: s.b(s.a(x.flatten(0, 1)).relu().unflatten(0, (len(x), -1)).mean(1)),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 3),
        ),
        (5, 3),
    ),
    "rows in reverse": Animal(
        lambda: Made(lambda s, x: s.b(s.a(x.flip(0)).relu().flip(0)), a=nn.Linear(4, 5), b=nn.Linear(5, 3))
    ),
    "transformer layer": Animal(
        lambda: Made(
            lambda s, x: s.o(s.t(x).mean(1)),
            t=nn.TransformerEncoderLayer(4, 2, 3, dropout=0.0, batch_first=True),
            o=nn.Linear(4, 3),
        ),
        (3, 4),
        exact=False,
    ),
    "multi-head attention": Animal(
        lambda: Made(
            lambda s, x: s.o(s.t(x, x, x)[0].mean(1)),
            t=nn.MultiheadAttention(4, 2, batch_first=True),
            o=nn.Linear(4, 3),
        ),
        (3, 4),
        exact=False,
    ),
    "attention by hand": Animal(
        lambda: Made(_attention, q=nn.Linear(4, 2), k=nn.Linear(4, 2), v=nn.Linear(4, 3), o=nn.Linear(3, 3)),
        (3, 4),
        exact=False,
    ),
    "mean and variance": Animal(
        lambda: _linear(4, 5, 2),
        loss=lambda z, y: functional.gaussian_nll_loss(z[:, 0], y, z[:, 1].exp()),
        targets=(),
    ),
    "loss by masks": Animal(lambda: _linear(4, 5, 3), loss=_by_masks, targets=(3,)),
    "uint8 labels": Animal(lambda: _linear(4, 5, 3), labels=torch.uint8),
    "int32 labels": Animal(lambda: _linear(4, 5, 3), labels=torch.int32),
    "Boolean labels": Animal(lambda: _linear(4, 5, 2), labels=torch.bool, classes=2),
    "two outputs": Animal(
        lambda: Made(_two_heads, a=nn.Linear(4, 5), b=nn.Linear(5, 3), c=nn.Linear(5, 2)), loss=_both
    ),
    "outputs by name": Animal(
        lambda: Made(
            lambda s, x: dict(zip("bc", _two_heads(s, x), strict=True)),
            a=nn.Linear(4, 5),
            b=nn.Linear(5, 3),
            c=nn.Linear(5, 2),
        ),
        loss=_both,
    ),
    "state of a recurrent layer": Animal(
        lambda: nn.LSTM(3, 2, batch_first=True), (4, 3), refused="expected tensors with one entry for each row"
    ),
    "one number a row": Animal(
        lambda: Made(lambda s, x: s.a(x).squeeze(1), a=_linear(4, 5, 1)), loss=functional.mse_loss, targets=()
    ),
    "tied weights": Animal(_tied, exact=False, classes=4),
    "bfloat16": Animal(lambda: _linear(4, 5, 3), dtype=torch.bfloat16),
    "float16": Animal(lambda: _linear(4, 5, 3), dtype=torch.float16),
    "no second derivative of the loss": Animal(
        lambda: _linear(4, 5, 3), loss=nn.MultiMarginLoss(), refused="loss: torch cannot differentiate it twice"
    ),
    "compiled": Animal(_compiled),
    "sigmoid of the outputs": Animal(
        lambda: Made(lambda s, x: torch.sigmoid(s.a(x)), a=_linear(4, 5, 3)), loss=functional.mse_loss, targets=(3,)
    ),
    "softmax of the outputs": Animal(
        lambda: nn.Sequential(_linear(4, 5, 3), nn.Softmax(1)), loss=lambda p, y: functional.nll_loss(p.log(), y)
    ),
    "functional dropout": Animal(
        lambda: Made(lambda s, x: s.b(functional.dropout(s.a(x), 0.5)), a=nn.Linear(4, 5), b=nn.Linear(5, 3)),
        refused="two calls on the same rows give different outputs",
    ),
    "noise of NumPy's": Animal(
        lambda: Made(lambda s, x: s.a(x) * float(__import__("numpy").random.uniform(0.9, 1.1)), a=nn.Linear(4, 3)),
        refused="two calls on the same rows give different outputs",
    ),
    "batch statistics behind a softmax": Animal(
        lambda: nn.Sequential(
            nn.Linear(4, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.Linear(5, 3), nn.Softmax(1)
        ),
        loss=lambda p, y: functional.nll_loss(p.log(), y),
        refused="outputs of one row depend on other rows",
    ),
    "detached mean over rows": Animal(
        lambda: Made(lambda s, x: s.a(x - x.mean(0).detach()), a=nn.Linear(4, 3)),
        refused="outputs of one row depend on other rows",
    ),
    "place among the rows": Animal(
        lambda: Made(lambda s, x: s.a(x) + torch.arange(len(x))[:, None], a=nn.Linear(4, 3)),
        refused="outputs of one row depend on other rows",
    ),
    "in-place clamp between layers": Animal(
        lambda: Made(lambda s, x: s.b(s.a(x).clamp_(-0.5, 0.5)), a=nn.Linear(4, 5), b=nn.Linear(5, 3))
    ),
    "forward hook": Animal(_hooked),
    "pruned": Animal(_pruned),
    "embedding": Animal(
        lambda: Made(lambda s, x: s.b(s.a(x).mean(1).relu()), a=nn.Embedding(7, 4), b=nn.Linear(4, 3)),
        (5,),
        tokens=True,
    ),
    "group norm": Animal(
        lambda: nn.Sequential(nn.Linear(4, 4), nn.GroupNorm(2, 4), nn.ReLU(), nn.Linear(4, 3)), exact=False
    ),
    "instance norm": Animal(
        lambda: nn.Sequential(nn.Conv1d(2, 3, 2), nn.InstanceNorm1d(3), nn.ReLU(), nn.Flatten(), nn.Linear(9, 3)),
        (2, 4),
        exact=False,
    ),
    "root mean square norm": Animal(
        lambda: nn.Sequential(nn.Linear(4, 4), nn.RMSNorm(4), nn.ReLU(), nn.Linear(4, 3)), exact=False
    ),
    "depthwise convolution": Animal(
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 2, groups=2), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ),
        (2, 4, 4),
    ),
    "convolution in three dimensions": Animal(
        lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)), (1, 3, 3, 3)
    ),
    "squeeze and excitation": Animal(
        lambda: Made(
            lambda s, x: s.o((h := s.a(x).relu()) * s.g(h).sigmoid()),
            a=nn.Linear(4, 4),
            g=nn.Linear(4, 4),
            o=nn.Linear(4, 3),
        ),
        exact=False,
    ),
    "product of two layers": Animal(
        lambda: Made(lambda s, x: s.o(s.a(x) * s.b(x)), a=nn.Linear(4, 4), b=nn.Linear(4, 4), o=nn.Linear(4, 3))
    ),
    "bilinear": Animal(lambda: Made(lambda s, x: s.a(x[:, :2], x[:, 2:]), a=nn.Bilinear(2, 2, 3))),
    "low rank": Animal(
        lambda: (layer := nn.Linear(4, 4), parametrize.register_parametrization(layer, "weight", LowRank()))[0],
        classes=4,
    ),
    "spectral norm": Animal(
        lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 3)), exact=False
    ),
    "largest of several": Animal(
        lambda: Made(lambda s, x: s.b(s.a(x).unflatten(1, (3, 2)).amax(2)), a=nn.Linear(4, 6), b=nn.Linear(3, 3))
    ),
    "gated linear unit": Animal(
        lambda: Made(lambda s, x: s.b(functional.glu(s.a(x))), a=nn.Linear(4, 6), b=nn.Linear(3, 3)), exact=False
    ),
    "dense connections": Animal(
        lambda: Made(lambda s, x: s.b(torch.cat([x, s.a(x).relu()], 1)), a=nn.Linear(4, 3), b=nn.Linear(7, 3))
    ),
    "upsampling": Animal(
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(2, 1, 2), nn.Flatten()
        ),
        (1, 3, 3),
        loss=functional.mse_loss,
        targets=(9,),
    ),
    "graph convolution": Animal(
        lambda: Made(
            lambda s, x: s.b((s.m @ s.a(x)).relu()).mean(1),
            a=nn.Linear(2, 3),
            b=nn.Linear(3, 3),
            m=torch.rand(4, 4),
        ),
        (4, 2),
    ),
    "straight-through function": Animal(
        lambda: Made(lambda s, x: s.b(Step.apply(s.a(x).relu())), a=nn.Linear(4, 5), b=nn.Linear(5, 3))
    ),
    "checkpointed": Animal(
        lambda: Made(
            lambda s, x: s.b(checkpoint(s.a, x, use_reentrant=False).relu()), a=nn.Linear(4, 5), b=nn.Linear(5, 3)
        )
    ),
    "partly frozen": Animal(_partly_frozen),
    "Fourier features": Animal(lambda: Made(lambda s, x: s.a(torch.fft.rfft(x).abs()), a=_linear(3, 4, 3))),
    "rectified recurrent layer": Animal(
        lambda: Made(
            lambda s, x: s.o(s.r(x)[0][:, -1]), r=nn.RNN(3, 3, nonlinearity="relu", batch_first=True), o=nn.Linear(3, 3)
        ),
        (3, 3),
        exact=False,
    ),
}
