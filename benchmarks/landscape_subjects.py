"""The two subjects of the landscape benchmark: an MLP on 16 features and the ECON-T autoencoder on 8 x 8 wafers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

TRAINING_STEPS = 400  # enough that the curvature is that of a fitted network
TRAINING_ROWS = 256  # a step


@dataclass(frozen=True)
class Subject:
    """A trained model, a second one from another seed, and the rows that both are looked at on."""

    name: str
    model: nn.Module
    other: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    inputs: Tensor
    targets: Tensor

    def batches(self, rows: int | None = None) -> list[tuple[Tensor, Tensor]]:
        """The first rows (all without a number) as one batch."""
        return [(self.inputs[:rows], self.targets[:rows])]


class TelescopeLoss(nn.Module):
    """Squared errors of the cells, of overlapping 2 x 2 sums of them and of the three quadrants: 4 L48 + 2 L36 + L3.

    The sigmoid belongs to the loss, so that the network before it is piecewise linear. 48 of the 64 pixels are cells:
    three quadrants of 4 x 4. The 2 x 2 sums that cross two quadrants count half.
    """

    def __init__(self) -> None:
        super().__init__()
        pixels = torch.zeros(8, 8, dtype=torch.bool)
        pixels[:4, :] = pixels[4:, :4] = True
        windows, weights = [], []
        for row in range(7):
            for column in range(7):
                window = torch.zeros(8, 8)
                window[row : row + 2, column : column + 2] = 1
                if not (window.bool() & ~pixels).any():
                    windows.append(window[pixels])
                    weights.append(0.5 if 3 in (row, column) else 1.0)
        quadrants = torch.zeros(3, 8, 8)
        quadrants[0, :4, :4] = quadrants[1, :4, 4:] = quadrants[2, 4:, :4] = 1
        self.register_buffer("cells", pixels.flatten().nonzero().squeeze(1))
        self.register_buffer("windows", torch.stack(windows))
        self.register_buffer("weights", torch.tensor(weights))
        self.register_buffer("quadrants", quadrants[:, pixels])

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean over rows; outputs before the sigmoid."""
        error = (outputs.sigmoid() - targets).flatten(1)[:, self.cells]
        fine = error.square().sum(1)
        middle = ((error @ self.windows.T).square() * self.weights).sum(1)
        coarse = (error @ self.quadrants.T).square().sum(1)
        return (4 * fine + 2 * middle + coarse).mean()


def mlp_subject(rows: int) -> Subject:
    """A 64-32-32 MLP from 16 features to 5 classes, which another network drew."""
    draws = torch.Generator().manual_seed(1)
    inputs = torch.randn(rows, 16, generator=draws)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(2)
        teacher = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 5))
        targets = (6 * teacher(inputs)).softmax(1).multinomial(1, generator=draws).squeeze(1)

    def build() -> nn.Module:
        sizes = (16, 64, 32, 32, 5)
        layers: list[nn.Module] = []
        for incoming, outgoing in itertools.pairwise(sizes):
            layers += [nn.Linear(incoming, outgoing), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return _subject("MLP", build, functional.cross_entropy, inputs, targets)


def autoencoder_subject(rows: int) -> Subject:
    """The ECON-T autoencoder: 48 charges to 16 numbers and back."""
    inputs = wafers(rows)
    return _subject("autoencoder", _autoencoder, TelescopeLoss(), inputs, inputs)


def wafers(rows: int) -> Tensor:
    """Showers on wafers [rows, 1, 8, 8]: a few blobs of charge over noise in whole counts, normalised as on the chip.

    The counts of a wafer are divided by the largest power of two below their sum.
    """
    draws = torch.Generator().manual_seed(3)
    place = torch.arange(8.0)
    blobs = 3
    centres = 8 * torch.rand(rows, blobs, 2, 1, generator=draws)
    widths = 0.5 + torch.rand(rows, blobs, 1, generator=draws)
    profiles = (-0.5 * ((place - centres) / widths[:, :, :, None]).square()).exp()
    energies = 60 * torch.empty(rows, blobs).exponential_(generator=draws)
    charges = torch.einsum("rb,rbx,rby->rxy", energies, profiles[:, :, 0], profiles[:, :, 1])
    charges = (charges + torch.empty(rows, 8, 8).exponential_(generator=draws)).floor()
    charges[:, 4:, 4:] = 0
    total = charges.sum((1, 2), keepdim=True).clamp_min(1)
    return (charges / 2 ** total.log2().floor())[:, None]


def _autoencoder() -> nn.Module:
    encoder = [nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 16), nn.ReLU()]
    decoder = [
        *(nn.Linear(16, 128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4))),
        *(nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1), nn.ReLU()),
        nn.ConvTranspose2d(8, 1, 3, padding=1),
    ]
    return nn.Sequential(*encoder, *decoder)


def _subject(
    name: str,
    build: Callable[[], nn.Module],
    loss: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
) -> Subject:
    """Two briefly trained models that differ in their seed."""
    models = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build()
            optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
            for _ in range(TRAINING_STEPS):
                chosen = torch.randint(len(inputs), (TRAINING_ROWS,))
                optimizer.zero_grad()
                loss(model(inputs[chosen]), targets[chosen]).backward()
                optimizer.step()
            model.zero_grad()
            models.append(model.eval())
    return Subject(name, *models, loss, inputs, targets)
