"""The tokamak mode controller: amplitude and phase of a rotating plasma mode, read from camera frames.

The task of Wei et al. 2024 (arXiv 2312.00128): a small convolutional network inside the camera's FPGA gives a
controller how strong an instability is and where it stands. The frames are simulated (``docs/data/fusion.md``) or read
from an HDF5 file.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.tasks.description import Readings, ShiftedSet, check_set_names
from lowland.tasks.fusion.frames import PIXELS, SIDE, check_frames, frame_table, read_frames
from lowland.tasks.fusion.mode_errors import MODE_ERRORS, Limits, mode_errors, sectors, vector_errors
from lowland.tasks.fusion.preprocessing import FramePreprocessing
from lowland.tasks.fusion.tearing_modes import SHIFTS, nominal_world, simulate
from lowland.tasks.groups import tied_rows
from lowland.tasks.split_sizes import Count, SplitSizes, least_rows, seen_from
from lowland.tasks.splits import LEAST_HELD_OUT, HeldOut, Samples, Splits, halved
from lowland.tasks.splitting import grouped_split
from lowland.tasks.task import NOMINAL, Task
from lowland.vocabulary.conditions import declare

SECTOR = 10.0  # degrees: what a phase-locked controller resolves
LABELLED = {
    "later_campaign": ShiftedSet(
        name="later_campaign", label="a later campaign", explanation="Another plasma and a camera that has aged."
    )
}
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
declare(*(shifted.condition for shifted in LABELLED.values()))


class FusionOptions(SplitSizes):
    """Where the frames come from, how many rows each set gets and how wide the network is.

    Attributes:
        kind: ``fusion``.
        source: ``simulated``, or ``file`` for an HDF5 file.
        path: The file.
        shifted: Groups of the file that are shifted test sets.
        shifted_rows: Frames of each shifted set that the simulation makes.
        poloidal_mode: m of the simulated mode: its periods the short way round.
        toroidal_mode: n: its periods the long way round.
        photons: Photons that make a pixel of a simulated frame white: fewer are noisier.
        white: Brightness of a white pixel of a file; None: the brightest pixel of the training frames.
        amplitude_unit: Amplitude that an output of 1 stands for, in the unit of the labels (gauss); for labels whose
            numbers are far from one. Scores and errors are in the unit of the labels whatever it is.
        largest_amplitude: The largest that the controller can be given, in the unit of the labels; none is larger.
        phase_limits: Smallest and largest amplitude of the rows over which amplitude and phase errors are taken.
        channels: Of the convolutions.
        hidden: Widths of the dense layers behind them.
    """

    kind: Literal["fusion"]
    source: Literal["simulated", "file"]
    path: Path | None = None
    shifted: tuple[str, ...] = ()
    shifted_rows: Annotated[int, Field(ge=LEAST_HELD_OUT)] = 1000
    poloidal_mode: Annotated[int, Field(ge=1, le=8)] = 3
    toroidal_mode: Annotated[int, Field(ge=1, le=4)] = 1
    photons: Positive = 300.0
    white: Positive | None = None
    amplitude_unit: Positive = 1.0
    largest_amplitude: Positive = 60.0
    phase_limits: tuple[Positive, Positive] = (3.0, 30.0)
    channels: tuple[Count, Count, Count] = (16, 16, 24)
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (42, 64)

    @model_validator(mode="after")
    def _fits_its_source(self) -> Self:
        if (self.source == "file") != (self.path is not None):
            raise ValueError(f"path is {self.path} with source {self.source}; expected the HDF5 file of source file")
        if self.source != "file" and self.shifted:
            raise ValueError(f"shifted is {list(self.shifted)}; expected it with source file only")
        if NOMINAL in self.shifted or len(set(self.shifted)) < len(self.shifted):
            raise ValueError(f"shifted is {list(self.shifted)}; expected different names other than {NOMINAL}")
        check_set_names(self.shifted, called="group")
        if not self.phase_limits[0] < self.phase_limits[1] <= self.largest_amplitude:
            raise ValueError(
                f"phase_limits are {self.phase_limits}; expected the smaller first and none above largest_amplitude "
                f"({self.largest_amplitude:g})"
            )
        return self

    def resolved(self, root: Path) -> Self:
        """The file found from the project's folder."""
        return self if self.path is None else self.model_copy(update={"path": seen_from(root, self.path)})


class Fusion(Task):
    """A mode's amplitude and phase from camera frames, with the squared error and the length of the error vector."""

    score_name = "vector_error"
    is_classifier = False
    readings = Readings(extremes=(0.0, 1.0), limits=(0.0, 1.0))
    input_kind = "image"
    sensor_dims = (1, 2, 3)
    detail_measures = MODE_ERRORS

    def __init__(self, options: FusionOptions) -> None:
        self.options = options
        simulated = options.source == "simulated"
        origin = "simulated frames" if simulated else f"frames of {options.path}"
        mode = f"the {options.poloidal_mode}/{options.toroidal_mode} mode" if simulated else "the mode"
        unit = "gauss" if simulated else "the unit of the labels (gauss)"
        self.description = (
            f"The task: amplitude and phase of {mode} of a tokamak plasma, read from {origin} of a fast camera "
            f"({SIDE} × {SIDE} pixels), errors in {unit}; the network has convolutions of "
            f"{'-'.join(map(str, options.channels))} channels and {'-'.join(map(str, options.hidden))} dense units "
            "with ReLU."
        )
        names = tuple(SHIFTS) if simulated else options.shifted
        self.shifted_sets = tuple(LABELLED.get(name) or ShiftedSet.named(name) for name in names)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The HDF5 file, where there is one."""
        return () if self.options.path is None else (self.options.path,)

    def fetch(self) -> pd.DataFrame:
        """The frames, simulated or read."""
        if self.options.path is not None:
            return read_frames(self.options.path, self.options.shifted)
        return self._simulated()

    def _simulated(self) -> pd.DataFrame:
        options, world = self.options, nominal_world(self.options.photons)
        worlds = {NOMINAL: world} | {name: shift(world) for name, shift in SHIFTS.items()}
        parts = []
        for name, here in worlds.items():
            # Every set but one can need a part of a discharge only, whose other frames are lost.
            spare = len(options.sizes) - 1 if name == NOMINAL else 0
            rows = sum(options.sizes.values()) if name == NOMINAL else options.shifted_rows
            made = simulate(
                here,
                discharges=-(-rows // here.discharges.frames) + spare,
                mode=(options.poloidal_mode, options.toroidal_mode),
                side=SIDE,
                largest_amplitude=options.largest_amplitude,
                key=(options.kind, name),
            )
            keep = slice(None if name == NOMINAL else rows)
            parts.append(frame_table(name, made.frames, made.amplitude, made.phase, made.shot).iloc[keep])
        return pd.concat(parts, ignore_index=True)

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Columns, finite frames, labels within their ranges and discharges enough for every set."""
        check_frames(raw, largest_amplitude=self.options.largest_amplitude, origin=origin)
        for name in (NOMINAL, *(shifted.name for shifted in self.shifted_sets)):
            count = int((raw["set"] == name).sum())
            if not count:
                raise LowlandError(f"{origin}: no frames of the set {name!r}; make the table again")
            if count < LEAST_HELD_OUT:
                raise LowlandError(f"{origin}: {count} frames of the set {name!r}; expected at least {LEAST_HELD_OUT}")
        nominal = raw[raw["set"] == NOMINAL]
        if np.ptp(nominal[PIXELS].to_numpy()) == 0:
            raise LowlandError(f"{origin}: all pixels of all frames are equal; expected pictures")
        chosen = self._chosen(nominal)
        for name, rows in chosen.items():
            if len(rows) < least_rows(name):
                raise LowlandError(
                    f"{origin}: {len(nominal)} frames of {nominal['shot'].nunique()} discharges leave {len(rows)} for "
                    f"{name}_rows; at least {least_rows(name)} are needed, and no discharge is split: "
                    "use more discharges"
                )
        if not nominal.iloc[chosen["train"]][PIXELS].to_numpy().max() > 0:
            raise LowlandError(f"{origin}: no pixel of the training frames is above 0; expected black to be 0")

    def _chosen(self, nominal: pd.DataFrame) -> dict[str, np.ndarray]:
        """Row numbers of the sets: no discharge and no copy of a frame (blank ones aside) is in two of them."""
        tied = _tied(nominal)
        length = len(tied) / (tied.max() + 1)  # sets are given whole discharges, and then cut to their sizes
        whole = {name: math.ceil(math.ceil(size / length) * length) for name, size in self.options.sizes.items()}
        found = grouped_split(tied, np.zeros(len(tied), np.int64), whole, key=(self.options.kind,))
        return {name: rows[: self.options.sizes[name]] for name, rows in found.items()}

    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Splits by discharge, frames scaled to black 0 and white 1, labels as vectors in their unit."""
        nominal = raw[raw["set"] == NOMINAL]
        chosen = self._chosen(nominal)
        white = 1.0
        if self.options.source == "file":
            white = self.options.white or float(nominal.iloc[chosen["train"]][PIXELS].to_numpy().max())
        preprocessing = FramePreprocessing(
            white=white,
            output_unit="gauss" if self.options.source == "simulated" else None,
            output_scale=self.options.amplitude_unit,
        )

        def held_out(name: str, frames: pd.DataFrame) -> HeldOut:
            return halved(_samples(frames, preprocessing), key=(self.options.kind, name), tied=_tied(frames))

        last = nominal.iloc[chosen.pop("test")]
        return Splits(
            {name: _samples(nominal.iloc[rows], preprocessing) for name, rows in chosen.items()},
            held_out("test", last),
            zero=torch.zeros(1, SIDE, SIDE),
            shifted={s.name: held_out(s.name, raw[raw["set"] == s.name]) for s in self.shifted_sets},
            facts={"preprocessing": preprocessing.model_dump(mode="json")},
        )

    def network_spec(self) -> dict[str, Any]:
        """The published network, by default."""
        return {
            "kind": "cnn",
            "inputs": [1, SIDE, SIDE],
            "channels": list(self.options.channels),
            "kernel": 3,
            "hidden": list(self.options.hidden),
            "outputs": self.num_outputs,
        }

    @property
    def num_outputs(self) -> int:
        """A sin φ and A cos φ."""
        return 2

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error over rows and outputs, in squares of the amplitude's unit (``amplitude_unit``)."""
        return torch.nn.functional.mse_loss(outputs, targets / self.options.amplitude_unit)

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error of every row."""
        return (outputs - targets / self.options.amplitude_unit).square().mean(dim=1)

    def sample_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Length of the error vector, in the unit of the labels."""
        return vector_errors(self._modes(outputs), targets, largest=self.options.largest_amplitude)

    def details(self, outputs: Tensor, targets: Tensor) -> dict[str, Estimate]:
        """Mean and spread of the signed errors of amplitude and phase."""
        return mode_errors(
            self._modes(outputs),
            targets,
            largest=self.options.largest_amplitude,
            limits=Limits(*self.options.phase_limits),
        )

    def guess_score(self, targets: Tensor) -> float:
        """Error of always naming the mean mode."""
        return float((targets - targets.mean(dim=0)).norm(dim=1).mean())

    def guess_outputs(self, training: Tensor, count: int) -> Tensor:
        """The mean mode."""
        return (training.mean(dim=0) / self.options.amplitude_unit).expand(count, -1)

    def decisions(self, outputs: Tensor) -> Tensor:
        """The sector of the phase, on which a phase-locked controller acts."""
        return sectors(outputs, SECTOR)

    def _modes(self, outputs: Tensor) -> Tensor:
        """Mode vectors in the unit of the labels."""
        return outputs * self.options.amplitude_unit


def _tied(table: pd.DataFrame) -> NDArray[np.int64]:
    """Discharges, joined where they share a frame that is not blank."""
    frames = table[PIXELS].to_numpy(np.float32)
    return tied_rows(frames, table["shot"].to_numpy(), blank=np.ptp(frames, axis=1) == 0)


def _samples(table: pd.DataFrame, preprocessing: FramePreprocessing) -> Samples:
    """Frames [n, 1, 32, 32] within [0, 1] and mode vectors [n, 2]."""
    amplitude, phase = table["amplitude"].to_numpy(np.float64), table["phase"].to_numpy(np.float64)
    modes = np.stack([amplitude * np.sin(phase), amplitude * np.cos(phase)], axis=1)
    return Samples(preprocessing.apply(table), torch.from_numpy(modes.astype(np.float32)))
