"""Models and tensors in safetensors files: tensors plus one JSON text, no pickle."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets.atomic import FileDataset, JSONPreview
from lowland.datasets.reports import jsonable
from lowland.errors import LowlandError
from lowland.estimate import STATUSES

T = TypeVar("T")

# One key only: safetensors writes several in random order, and equal content must give equal bytes.
HEADER = "lowland"

FORMAT = 1
"""Of the header of a network's file, described in ``docs/deployed.md``."""

FACTS = ("preprocessing", "identity", "score")
"""Fields of ``StoredModel`` that are kept beside the network."""


class SafetensorsDataset(FileDataset[T], Generic[T]):
    """Tensors and a JSON header in one safetensors file; subclasses say what they stand for."""

    KIND = "safetensors file of lowland"

    @abstractmethod
    def _encode(self, data: T) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Return the tensors and the header that hold the data."""

    @abstractmethod
    def _decode(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> T:
        """Return the data that tensors and header hold."""

    def _read(self, path: Path) -> T:
        with safe_open(path, framework="pt") as file:
            header = _header(file)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return self._decode(tensors, header)

    def _write(self, data: T, path: Path) -> None:
        tensors, header = self._encode(data)
        # Clones: safetensors refuses tied weights and views.
        whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        save_file(whole, path, metadata={HEADER: json.dumps(header, sort_keys=True)})

    def preview(self) -> JSONPreview:
        """Header and shapes for kedro-viz, without reading the tensors."""
        if not self._filepath.is_file():
            return cast(JSONPreview, None)  # kedro-viz shows nothing then
        with safe_open(self._filepath, framework="pt") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return JSONPreview(json.dumps(jsonable({**_header(file), "tensors": shapes}), allow_nan=False))


class TensorsDataset(SafetensorsDataset[StoredTensors]):
    """Named tensors with their facts (``StoredTensors``)."""

    def _encode(self, data: StoredTensors) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        return data.tensors, {"facts": dict(data.facts)}

    def _decode(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> StoredTensors:
        return StoredTensors(tensors, header["facts"])


class ModelDataset(SafetensorsDataset[StoredModel]):
    """A network with its status (``StoredModel``), rebuilt from its ``spec`` and put into evaluation mode."""

    def _encode(self, data: StoredModel) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        facts = {name: dict(getattr(data, name)) for name in FACTS}
        header = {"format": FORMAT, "spec": data.network.spec, "status": data.status, **facts}
        return data.network.state_dict(), jsonable(header)

    def _decode(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> StoredModel:
        if header.get("format") != FORMAT:
            raise LowlandError(
                f"format is {header.get('format')!r}; this version of lowland reads {FORMAT}: run the stage that made "
                "the file again"
            )
        if header["status"] not in STATUSES:
            raise LowlandError(f"status is {header['status']!r}; expected one of {', '.join(STATUSES)}")
        spec = header["spec"]
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn, then replaced
            network = BUILDERS.get(spec["kind"], _network)(spec)
        network.load_state_dict(tensors, assign=True)
        return StoredModel(network.eval(), header["status"], **{name: header[name] for name in FACTS})


def _header(file: Any) -> dict[str, Any]:
    header = (file.metadata() or {}).get(HEADER)
    if header is None:
        raise LowlandError(f"its metadata have no entry {HEADER!r}")
    return cast(dict[str, Any], json.loads(header))


def _network(spec: dict[str, Any]) -> nn.Module:
    from lowland.architectures import build_network

    return build_network(spec)


def _integer_network(spec: dict[str, Any]) -> nn.Module:
    from lowland.quantization import IntegerNetwork  # takes seconds to import: only where one is loaded

    return IntegerNetwork.from_spec(spec)


def _dequantized_network(spec: dict[str, Any]) -> nn.Module:
    from lowland.quantization import IntegerNetwork

    return IntegerNetwork.from_spec(spec).dequantized()


def _dynamic_network(spec: dict[str, Any]) -> nn.Module:
    from lowland.quantization import DynamicNetwork

    return DynamicNetwork.from_spec(spec, _network(spec["network"]))


# spec["kind"] -> what rebuilds the network; every other kind is one of lowland.architectures.
BUILDERS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "integer": _integer_network,
    "dequantized": _dequantized_network,
    "dynamic": _dynamic_network,
}
