"""Camera frames and their labels: from an HDF5 file, and as the rows of a raw table."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks.area_average import area_averaged
from lowland.tasks.fusion.mode_errors import TURN
from lowland.tasks.hdf5 import opened
from lowland.tasks.task import NOMINAL

if TYPE_CHECKING:
    import h5py

SIDE = 32
PIXELS = [f"pixel_{row:02d}_{column:02d}" for row in range(SIDE) for column in range(SIDE)]
LABELS = ("amplitude", "phase")
_log = logging.getLogger(__name__)
CHUNK = 1000  # frames read at a time: those of a high-speed camera do not fit into memory at once


def frame_table(
    name: str, frames: NDArray[np.floating], amplitude: NDArray[Any], phase: NDArray[Any], shot: NDArray[Any]
) -> pd.DataFrame:
    """Rows of a raw table: one a frame [n, 32, 32], with the set's name, the discharge's number and the labels."""
    pixels = pd.DataFrame(frames.reshape(len(frames), -1).astype(np.float32), columns=PIXELS)
    labels = pd.DataFrame({"set": name, "shot": shot, "amplitude": amplitude, "phase": phase}, index=pixels.index)
    return pd.concat([labels, pixels], axis=1)


def read_frames(path: Path, shifted: tuple[str, ...] = ()) -> pd.DataFrame:
    """A user's frames and labels from an HDF5 file, as a raw table.

    The file holds ``frames`` [n, height, width] of any number type, averaged over areas to 32 x 32 pixels, with either
    ``amplitude`` [n] and ``phase`` [n] in radians, or ``target`` [n, 2] = (A sin φ, A cos φ); ``shot`` [n] says which
    frames belong to one discharge and stay in one split; without it a warning is logged. A group of the name of each
    shifted set holds the same, of other discharges.

    Args:
        path: The file.
        shifted: Groups of the file that are shifted test sets.

    Raises:
        LowlandError: One line: what the file lacks or holds that cannot be used.
    """
    with opened(path, expected="an HDF5 file with frames and labels") as file:
        import h5py

        for name in shifted:
            if not isinstance(file.get(name), h5py.Group):
                raise LowlandError(f"{path}: group {name!r} is missing; the file has {_listed(file)}")
        groups: dict[str, Any] = {NOMINAL: file} | {name: file[name] for name in shifted}
        found = {name: _frames_dataset(group, _where(path, name)) for name, group in groups.items()}
        for name, frames in found.items():
            if frames.shape[1:] != found[NOMINAL].shape[1:]:
                raise LowlandError(
                    f"{_where(path, name)}: frames are {_size(frames)} pixels, the nominal ones {_size(found[NOMINAL])}"
                    "; expected frames of one size: crop them alike"
                )
        _check_shots({name: (group, len(found[name])) for name, group in groups.items()}, path)
        return pd.concat(
            [_rows(name, group, found[name], _where(path, name)) for name, group in groups.items()], ignore_index=True
        )


def _check_shots(groups: Mapping[str, tuple[Mapping[str, Any], int]], path: Path) -> None:
    """Numbers of discharges that keep frames together, none in two sets; says so where there are none."""
    shots = {
        name: _column(group, "shot", count, _where(path, name))
        for name, (group, count) in groups.items()
        if "shot" in group
    }
    if NOMINAL not in shots:
        _log.warning(
            "%s: no dataset 'shot': neighbouring frames of a discharge, which are nearly alike, can be in different "
            "sets, so that scores come out too good; add the number of each frame's discharge",
            path,
        )
        return
    nominal = np.unique(shots.pop(NOMINAL))
    if len(nominal) == groups[NOMINAL][1]:
        raise LowlandError(
            f"{path}: dataset 'shot' is different in every frame, so that it keeps nothing together; expected the "
            "number of the discharge, which its frames share, or no 'shot'"
        )
    for name, others in shots.items():
        if len(common := np.intersect1d(nominal, others)):
            raise LowlandError(
                f"{_where(path, name)}: {len(common)} discharges are in the nominal set too (first: shot "
                f"{common[0]:g}); expected others in a shifted set: it would hold what was trained on"
            )


def _frames_dataset(group: Mapping[str, Any], origin: str) -> h5py.Dataset:
    """The frames, of one size each and of numbers."""
    import h5py

    if "frames" not in group:
        raise LowlandError(f"{origin}: dataset 'frames' is missing; the file has {_listed(group)}")
    frames = group["frames"]
    if isinstance(frames, h5py.Group):
        shapes = sorted({str(getattr(part, "shape", None)) for part in frames.values()})
        raise LowlandError(
            f"{origin}: 'frames' is a group of {len(frames)} datasets of shapes {', '.join(shapes[:3])}; expected one "
            "dataset [n, height, width] of frames of one size"
        )
    if h5py.check_vlen_dtype(frames.dtype) is not None or frames.ndim != 3:
        ragged = "of different sizes" if h5py.check_vlen_dtype(frames.dtype) is not None else f"of shape {frames.shape}"
        raise LowlandError(
            f"{origin}: dataset 'frames' holds frames {ragged}; expected numbers [n, height, width], all of one size"
        )
    if frames.dtype.kind not in "uif":
        raise LowlandError(f"{origin}: dataset 'frames' holds {frames.dtype}; expected numbers")
    if min(frames.shape[1:]) < SIDE:
        raise LowlandError(
            f"{origin}: frames are {_size(frames)} pixels; expected at least {SIDE}x{SIDE}, to which they are averaged"
        )
    if not len(frames):
        raise LowlandError(f"{origin}: dataset 'frames' is empty; expected frames [n, height, width]")
    return frames


def _rows(name: str, group: Mapping[str, Any], frames: h5py.Dataset, origin: str) -> pd.DataFrame:
    """The set's part of the raw table."""
    count = len(frames)
    amplitude, phase = _labels(group, count, origin)
    shot = _column(group, "shot", count, origin) if "shot" in group else np.arange(count)
    small = np.concatenate(
        [area_averaged(frames[start : start + CHUNK], SIDE).astype(np.float32) for start in range(0, count, CHUNK)]
    )
    return frame_table(name, small, amplitude, phase, shot)


def _labels(group: Mapping[str, Any], count: int, origin: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Amplitude and phase, from whichever of the two forms is there."""
    given = [name for name in ("target", *LABELS) if name in group]
    if given == ["target"]:
        target = _column(group, "target", count, origin, width=2)
        return np.hypot(target[:, 0], target[:, 1]), np.arctan2(target[:, 0], target[:, 1])
    if given != list(LABELS):
        raise LowlandError(
            f"{origin}: labels are {', '.join(given) or 'missing'}; expected datasets amplitude and phase, or target "
            f"alone; the file has {_listed(group)}"
        )
    amplitude, phase = (_column(group, name, count, origin) for name in LABELS)
    return amplitude, phase


def _column(group: Mapping[str, Any], name: str, count: int, origin: str, width: int | None = None) -> NDArray[Any]:
    """One number a frame, or ``width``."""
    values = np.asarray(group[name])
    expected = (count,) if width is None else (count, width)
    if values.shape != expected:
        raise LowlandError(
            f"{origin}: dataset {name!r} has shape {list(values.shape)} for {count} frames; expected {list(expected)}"
        )
    if values.dtype.kind not in "uif":
        raise LowlandError(f"{origin}: dataset {name!r} holds {values.dtype}; expected numbers")
    return values


def _where(path: Path, name: str) -> str:
    return str(path) if name == NOMINAL else f"{path} (group {name!r})"


def _listed(group: Mapping[str, Any]) -> str:
    return ", ".join(list(group)[:8]) or "nothing"


def _size(frames: h5py.Dataset) -> str:
    return "x".join(map(str, frames.shape[1:]))


def check_frames(table: pd.DataFrame, *, largest_amplitude: float, origin: str) -> None:
    """Refuse a raw table whose frames or labels no network can be trained on.

    Args:
        table: As ``frame_table`` makes it.
        largest_amplitude: Amplitudes beyond it cannot be.
        origin: File or source named in the message.

    Raises:
        LowlandError: With the first defect found.
    """
    missing = [column for column in ("set", "shot", *LABELS, *PIXELS) if column not in table.columns]
    if missing:
        raise LowlandError(f"{origin}: column {missing[0]!r} is missing; expected set, shot, labels and pixels")
    for column in ("shot", *LABELS):
        _refuse(~np.isfinite(table[column].to_numpy(np.float64)), table[column], "a finite number", origin)
    amplitude, phase = table["amplitude"], table["phase"]
    _refuse((amplitude < 0).to_numpy(), amplitude, "at least 0: a mode that is turned round has another phase", origin)
    _refuse(
        (amplitude > largest_amplitude).to_numpy(),
        amplitude,
        f"at most largest_amplitude ({largest_amplitude:g}): raise that or mend the label",
        origin,
    )
    _refuse((phase.abs() > TURN).to_numpy(), phase, "radians within ±2π: are these degrees?", origin)
    dark = ~np.isfinite(table[PIXELS].to_numpy(np.float32)).all(axis=1)
    if dark.any():
        raise LowlandError(
            f"{origin}: {int(dark.sum())} frames have pixels that are NaN or infinite (first: frame {dark.argmax()}); "
            "expected finite numbers: clean or drop these frames"
        )


def _refuse(bad: NDArray[np.bool_], values: pd.Series, expected: str, origin: str) -> None:
    if bad.any():
        raise LowlandError(
            f"{origin}: {values.name} has {int(bad.sum())} values out of range (first: {values.iloc[bad.argmax()]:g} "
            f"in frame {bad.argmax()}); expected {expected}"
        )
