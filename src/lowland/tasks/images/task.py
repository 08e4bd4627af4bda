"""Pictures told apart by what they show, with a small convolutional network."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.errors import LowlandError
from lowland.tasks import table_checks as checks
from lowland.tasks.classifier import Classifier
from lowland.tasks.description import CorruptedSet, Readings
from lowland.tasks.images.files import Labelled
from lowland.tasks.images.networks import IMAGE_NETWORKS
from lowland.tasks.images.options import ImagesOptions
from lowland.tasks.images.preprocessing import ImagePreprocessing, pixel_columns, reduced
from lowland.tasks.preprocessing import Classes
from lowland.tasks.splits import LEAST_HELD_OUT, OF_THE_REST, HeldOut, Samples, Splits, halved
from lowland.tasks.splitting import stratified_split
from lowland.tasks.task import NOMINAL

_log = logging.getLogger(__name__)


class Images(Classifier):
    """Classes of images with cross-entropy and accuracy."""

    readings = Readings(extremes=(0.0, 1.0), limits=(0.0, 1.0))
    input_kind = "image"
    sensor_dims = (1, 2, 3)

    def __init__(self, options: ImagesOptions) -> None:
        self.options = options.resolved(Path.cwd()) if options.shift == "auto" else options
        self.images, shift = options.images, options.images.shift
        self.obtained_from = self.images.obtained_from or self.obtained_from
        self._natural = () if shift is None or self.options.shift == "none" else (shift.shifted,)
        self.corrupted_sets = tuple(
            CorruptedSet(corruption=name, severity=severity) for name, severity in options.corrupted.items()
        )
        self.shifted_sets = (*self._natural, *(each.shifted for each in self.corrupted_sets))
        known = IMAGE_NETWORKS.get(str(options.network))
        network = known.described(known.sizes(options.width, options.depth)) if known else str(options.network)
        size, pixels = f"{self.images.shape[1]} × {self.images.shape[2]}", f"{self.shape[1]} × {self.shape[2]}"
        shown = f"{pixels} pixels" if size == pixels else f"{size} pixels reduced to {pixels}"
        self.description = (
            f"The task: {self.images.label} ({shown}), {len(self.images.classes)} classes; the network is {network}."
        )
        if shift is not None and self._natural:
            where = "" if self.options.shift_path else f", from the package {shift.package}"
            self.description += f" The natural shift: {shift.shifted.label}{where}."
        self._reported = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the network's inputs."""
        return self.options.shape

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files of the images and of the shifted set, where there are any."""
        return tuple(path for path in (self.options.path, self.options.shift_path) if path is not None)

    def fetch(self) -> pd.DataFrame:
        """Reduced images of all sets; ``held_out`` marks the test images of a file."""
        options, images = self.options, self.images
        if options.path is None:
            assert images.bundled is not None  # held by the options
            parts = {False: images.bundled()}
        else:
            parts = {held_out: images.read(options.path, "test" if held_out else "train") for held_out in (False, True)}
        crop = options.crop or images.crop
        tables = [self._table(NOMINAL, found, crop=crop, held_out=held_out) for held_out, found in parts.items()]
        if images.shift is not None and self._natural:
            shift = images.shift
            if options.shift_path is not None:
                found = shift.read(options.shift_path)
            else:
                assert shift.bundled is not None  # held by the options
                found = shift.bundled()
            scale = images.white / shift.white
            tables.append(self._table(shift.shifted.name, found, crop=shift.crop, held_out=True, scale=scale))
        return pd.concat(tables, ignore_index=True)

    def _table(
        self, name: str, found: Labelled, *, crop: int | None, held_out: bool, scale: float | None = None
    ) -> pd.DataFrame:
        """Rows of a raw table: one an image, whose brightness is multiplied by ``scale``."""
        pixels = reduced(found.images, side=self.shape[1], crop=crop).reshape(len(found.images), -1)
        if scale is not None:
            pixels = pixels.astype(np.float32) * np.float32(scale)
        labels = pd.DataFrame({"set": name, "label": found.labels, "held_out": held_out})
        return pd.concat([labels, pd.DataFrame(pixels, columns=pixel_columns(self.shape))], axis=1)

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Columns, pixels within black and white, and images enough of every class in every set."""
        if self.images.shift is not None and not self._natural and not self._reported:
            self._reported = True
            label, where = self.images.shift.shifted.label, self.images.shift.obtained_from
            _log.warning("%s: no natural shift is studied; to study it on %s: %s", origin, label, where)
        columns = pixel_columns(self.shape)
        for name in ("set", "label", "held_out", *columns):
            if name not in raw.columns:
                raise LowlandError(f"{origin}: column {name!r} is missing; make the table again")
        pixels = raw[columns].to_numpy()
        if not ((pixels >= 0) & (pixels <= self.images.white * (1 + 1e-6))).all():
            raise LowlandError(f"{origin}: pixels leave 0 to {self.images.white:g}; make the table again")
        for shifted in self._natural:
            count = int((raw["set"] == shifted.name).sum())
            if count < LEAST_HELD_OUT:
                raise LowlandError(
                    f"{origin}: {count} images of the set {shifted.name!r}; expected at least {LEAST_HELD_OUT}"
                )
        nominal = raw[raw["set"] == NOMINAL]
        checks.check_sets(
            self._chosen(nominal),
            self._tied(nominal),
            nominal["label"].to_numpy(),
            classes=list(self.images.classes),
            origin=origin,
        )

    def _tied(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """A number for each image, the same for those that are equal as the network sees them."""
        pixels = np.ascontiguousarray(table[pixel_columns(self.shape)].to_numpy())
        return pd.factorize(np.array([image.tobytes() for image in pixels], dtype=object))[0].astype(np.int64)

    def _chosen(self, nominal: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
        """Row numbers of the sets; no image is in two of them."""
        tied, labels = self._tied(nominal), nominal["label"].to_numpy()
        held_out, sizes = nominal["held_out"].to_numpy(), dict(self.options.sizes)
        if not held_out.any():
            return self._drawn(np.arange(len(nominal)), tied, labels, sizes)
        test = {name: sizes.pop(name) for name in ("test", *OF_THE_REST) if name in sizes}
        unseen = held_out & ~np.isin(tied, tied[~held_out])
        chosen = self._drawn(np.flatnonzero(~held_out), tied, labels, sizes)
        return chosen | self._drawn(np.flatnonzero(unseen), tied, labels, test)

    def _drawn(
        self, rows: NDArray[np.int64], tied: NDArray[np.int64], labels: NDArray[np.int64], sizes: dict[str, int]
    ) -> dict[str, NDArray[np.int64]]:
        """Sets of some of the rows, with equal shares of classes."""
        if not len(rows):
            return {name: rows for name in sizes}
        groups = np.unique(tied[rows], return_inverse=True)[1]
        named = (name for name in sizes if name not in OF_THE_REST)
        found = stratified_split(groups, labels[rows], sizes, key=(self.options.kind, self.options.source, *named))
        return {name: rows[places] for name, places in found.items()}

    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Splits with equal shares of classes, images within black 0 and white 1; the shifted set cut to its size."""
        nominal = raw[raw["set"] == NOMINAL]
        preprocessing = ImagePreprocessing(
            crop=self.options.crop or self.images.crop,
            shape=self.shape,
            white=self.images.white,
            answer=Classes(names=self.images.classes),
        )

        def samples(table: pd.DataFrame) -> Samples:
            return Samples(preprocessing.apply(table), torch.from_numpy(table["label"].to_numpy(np.int64).copy()))

        def held_out(name: str, table: pd.DataFrame) -> HeldOut:
            key = (self.options.kind, self.options.source, name)
            return halved(samples(table), key=key, tied=self._tied(table), labels=table["label"].to_numpy(np.int64))

        chosen = self._chosen(nominal)
        last = nominal.iloc[chosen.pop("test")]
        shifted = {}
        for found in self._natural:
            table = raw[raw["set"] == found.name]
            rows, labels = np.arange(len(table)), table["label"].to_numpy()
            drawn = self._drawn(rows, self._tied(table), labels, {found.name: self.options.shifted_rows})
            shifted[found.name] = held_out(found.name, table.iloc[drawn[found.name]])
        return Splits(
            {name: samples(nominal.iloc[rows]) for name, rows in chosen.items()},
            held_out("test", last),
            zero=torch.zeros(self.shape),
            shifted=shifted,
            facts={"preprocessing": preprocessing.model_dump(mode="json")},
        )

    def network_spec(self) -> dict[str, Any]:
        """The network that the options name."""
        if not self.options.is_built_in:
            return self.options.user_network(self.shape, self.num_outputs)
        kind, options = str(self.options.network), self.options
        spec = {"kind": kind, "inputs": list(self.shape), "outputs": self.num_outputs}
        return spec | IMAGE_NETWORKS[kind].sizes(options.width, options.depth)

    @property
    def num_outputs(self) -> int:
        """One a class."""
        return len(self.images.classes)

    def plain_targets(self, targets: Tensor) -> Tensor | None:
        """None: the inputs are no flat features."""
        return None
