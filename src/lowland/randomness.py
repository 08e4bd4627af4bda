"""Keyed random generators: equal keys give equal numbers, in every process and on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def keyed_globals(*key: Key, device: torch.device) -> Iterator[None]:
    """Torch's global generators seeded by a key and left as they were: for layers that draw on their own, as dropout.

    Args:
        key: As for ``seed_of``.
        device: Where the layers compute; the CPU's generator is keyed in any case.
    """
    elsewhere = [] if device.type == "cpu" else [device]
    states = [torch.get_device_module(place).get_rng_state() for place in elsewhere]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_of(*key))
        for place in elsewhere:
            torch.get_device_module(place).manual_seed(seed_of(*key))
        try:
            yield
        finally:
            for place, state in zip(elsewhere, states, strict=True):
                torch.get_device_module(place).set_rng_state(state)
