"""A small table of turbines, as users bring one."""

import numpy as np
import pandas as pd


def turbines(rows=900, seed=0):
    """Wear grows with vibration; power with wind; five to ten rows a turbine, some gaps."""
    draws = np.random.default_rng(seed)
    wind, speed = draws.gamma(4, 2, rows), draws.normal(15, 3, rows)
    temperature, vibration = draws.normal(40, 8, rows), draws.normal(0, 1, rows)
    wear = np.digitize(vibration + 0.3 * draws.normal(size=rows), [0.3, 1.2])
    frame = pd.DataFrame(
        {
            "turbine": [f"T{number // 7:03d}" for number in range(rows)],
            "year": 2010 + np.arange(rows) // 7 * 15 // (rows // 7 + 1),
            "wind": wind,
            "speed": speed,
            "temperature": np.where(draws.random(rows) < 0.03, -99, temperature),
            "vibration": vibration,
            "note_code": draws.integers(0, 9, rows),
            "comment": "none",
            "bearing": np.where(draws.random(rows) < 0.02, -1, wear),
            "power": wind**2 * 3 + draws.normal(size=rows),
        }
    )
    return frame
