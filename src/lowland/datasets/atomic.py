"""The dataset class of files that are there whole or not at all."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Generic, NewType, TypeVar

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

from lowland.atomic_files import atomic_path
from lowland.own_code import OwnCodeError

# kedro-viz chooses the widget by the *name* of the return annotation of ``preview``, hence no ``X | None`` there.
TablePreview = NewType("TablePreview", dict[str, Any])
PlotlyPreview = NewType("PlotlyPreview", dict[str, Any])
JSONPreview = NewType("JSONPreview", str)

T = TypeVar("T")


class FileDataset(AbstractDataset[T, T], Generic[T]):
    """One local file, written atomically; what cannot be read is one line that names the file.

    Args:
        filepath: Where the file is or will be.
        metadata: For plugins, such as ``kedro-viz: {layer: models}``.
    """

    KIND = "file"

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    @abstractmethod
    def _read(self, path: Path) -> T:
        """Return the content of the file."""

    @abstractmethod
    def _write(self, data: T, path: Path) -> None:
        """Write the content to a new file."""

    def load(self) -> T:
        """Return the content of the file.

        Raises:
            DatasetError: The file is missing, truncated or of another kind, or its network's own package is missing.
        """
        if not self._filepath.is_file():
            raise DatasetError(f"{self._filepath} does not exist; run its node first")
        try:
            return self._read(self._filepath)
        except OwnCodeError as error:  # the file is good
            raise DatasetError(f"{self._filepath} needs code of yours: {error}") from error
        except Exception as error:
            reason = " ".join(str(error).split())
            raise DatasetError(
                f"{self._filepath} cannot be read as a {self.KIND} ({reason}); delete it and run its node again"
            ) from error

    def save(self, data: T) -> None:
        """Replace the file by a new one, whole."""
        with atomic_path(self._filepath) as part:
            self._write(data, part)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
