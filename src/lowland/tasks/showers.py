"""A simulation of wafers in a sampling calorimeter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCENARIOS = {"nominal": 1}


def simulated_wafers(scenario: int, count: int, *, key: tuple[str, ...]) -> NDArray[np.int64]:
    raise NotImplementedError
