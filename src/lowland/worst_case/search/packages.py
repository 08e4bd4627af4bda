"""Packages that some agents need and the usual installation does not have."""

from __future__ import annotations

import importlib.util
from typing import ClassVar, Protocol

from lowland.errors import LowlandError

STABLE_BASELINES = ("gymnasium", "stable_baselines3")
"""What reinforcement learning takes: the extra ``reinforcement``."""


class NeedsPackages(Protocol):
    """An agent of either search."""

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]


def check_packages(agent: NeedsPackages) -> None:
    """Refuses an agent without the packages that it needs.

    Raises:
        LowlandError: One is missing.
    """
    for package in agent.packages:
        if importlib.util.find_spec(package) is None:
            raise LowlandError(
                f"agent is {agent.name}, and {package} is not installed; expected the extra: pip install -e "
                "'.[reinforcement]', or use another agent"
            )
