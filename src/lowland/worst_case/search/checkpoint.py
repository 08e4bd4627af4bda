"""A search on disk: which problem it is of, and every evaluation so far."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from lowland.atomic_files import atomic_path
from lowland.errors import LowlandError
from lowland.worst_case.budget import Budget
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.search.result import Evaluation
from lowland.worst_case.search.space import Widths

EVERY = 1.0
"""Seconds between two writes, so that what is lost when the machine stops is worth less than a second of computing."""


class Described(Protocol):
    """An agent of any kind."""

    @property
    def spec(self) -> dict[str, Any]:
        """Name and options, jsonable."""
        ...


def identity(problem: PolicyProblem, budget: Budget, agent: Described, generator: torch.Generator) -> dict[str, Any]:
    """What a search depends on, part by part, jsonable; tensors and structure as digests."""
    subject = problem.subject
    tensors = [*subject.named_parameters(), *subject.named_buffers()]
    structure = re.sub(r" at 0x[0-9a-f]+", "", repr(subject)) + repr(getattr(subject.network, "conversion", ""))
    return {
        "network": _digest([structure.encode(), *(part for name, t in tensors for part in (name.encode(), _bytes(t)))]),
        "rows": _digest([_bytes(problem.inputs), _bytes(problem.targets)]),
        "harm": getattr(problem.harm, "__qualname__", type(problem.harm).__qualname__),
        "budget": json.loads(json.dumps(asdict(budget))),
        "agent": agent.spec,
        "generator": _digest([_bytes(generator.get_state())]),
    }


class Checkpoint:
    """Evaluations of one search in a JSON file, written whole or not at all.

    What an agent keeps in its head is not stored: a resumed search runs it again from the beginning and answers from
    the file what was computed already, which makes it the same search, bit for bit, for every agent.

    Args:
        path: File; ``None`` keeps nothing.
        identity: Of the search.

    Raises:
        LowlandError: The file cannot be read, or is of another search.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any]) -> None:
        self.path, self.identity = path, identity
        self.recorded: list[tuple[Widths, float]] = []
        self._written = time.monotonic()
        if path is not None and path.exists():
            self.recorded = _read(path, identity)

    def after(self, history: list[Evaluation]) -> None:
        """Writes if the last time is long enough ago."""
        if time.monotonic() - self._written >= EVERY:
            self.write(history)

    def write(self, history: list[Evaluation]) -> None:
        """Writes all evaluations; those of a longer search that began alike stay."""
        if self.path is None:
            return
        evaluations = [(each.widths, each.drop) for each in history] + self.recorded[len(history) :]
        with atomic_path(self.path) as part:
            part.write_text(json.dumps({"search": self.identity, "evaluations": evaluations}))
        self._written = time.monotonic()


def _read(path: Path, identity: dict[str, Any]) -> list[tuple[Widths, float]]:
    """The evaluations of a file that belongs to this search."""
    try:
        stored = json.loads(path.read_text())
        search = dict(stored["search"])
        evaluations = [(tuple(map(int, widths)), float(drop)) for widths, drop in stored["evaluations"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise LowlandError(
            f"checkpoint {path} cannot be read ({reason}); expected a file that a search wrote: delete it"
        ) from error
    check_same_search(path, search, identity)
    return evaluations


def check_same_search(path: Path, stored: dict[str, Any], identity: dict[str, Any]) -> None:
    """Refuses a checkpoint of another search.

    Args:
        path: File.
        stored: What the search of the file depends on.
        identity: What this search depends on.

    Raises:
        LowlandError: They differ.
    """
    for part, now in identity.items():
        if stored.get(part) != now:
            raise LowlandError(
                f"checkpoint {path} is of a search with another {part} ({_short(stored.get(part))}, now "
                f"{_short(now)}); expected one of this search: give another path or delete the file"
            )


def _short(value: object) -> str:
    """A part of an identity in a message."""
    return value[:12] if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) else str(value)


def _digest(parts: Iterable[bytes]) -> str:
    """Of byte strings, told apart by their lengths."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    """Type, shape and values."""
    plain = tensor.detach().cpu().contiguous()
    return f"{plain.dtype}{tuple(plain.shape)}".encode() + plain.flatten().view(torch.uint8).numpy().tobytes()
