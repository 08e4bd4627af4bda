"""Keyed random generators: equal keys give equal numbers, in every process and on every machine."""

from __future__ import annotations

import hashlib

import torch

Key = str | int | float


def seed_of(*key: Key) -> int:
    """A stable 63-bit seed of a key (Python's own ``hash`` differs from process to process).

    Args:
        key: Parts such as task, condition and draw. Parts are told apart by type and position, so ``("a", "bc")`` and
            ``("ab", "c")`` differ.
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*key: Key) -> torch.Generator:
    """A CPU generator seeded by a key.

    Numbers are always drawn on the CPU and then moved: the same disturbance on every device.
    """
    return torch.Generator().manual_seed(seed_of(*key))
