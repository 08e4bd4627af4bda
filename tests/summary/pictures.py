"""Made-up pictures of landscapes whose numbers are known."""

import numpy as np
import pandas as pd

PRECISIONS = {"fp32": ("float", 32), "qat4": ("qat", 4)}


def cells(recipes=("plain", "clipping"), seeds=("s0", "s1")):
    for recipe in recipes:
        for precision, (method, bits) in PRECISIONS.items():
            for seed in seeds:
                yield {
                    "task": "jets",
                    "recipe": recipe,
                    "seed": seed,
                    "precision": precision,
                    "method": method,
                    "weight_bits": bits,
                    "activation_bits": bits,
                }


def stacked(columns):
    """One table of what ``columns`` gives for every cell, numbered."""
    frames = [pd.DataFrame(cell | columns(number)) for number, cell in enumerate(cells())]
    return pd.concat(frames, ignore_index=True)


def density():
    grid = np.linspace(-1, 3, 7)
    return stacked(lambda n: {"eigenvalue": grid, "density": np.exp(-(grid**2)) + 0.1 * n, "standard_error": 0.01})


def surface():
    x, y = (part.ravel() for part in np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], indexing="ij"))
    loss = 0.5 + x**2 + 3 * y**2
    return stacked(
        lambda n: {"directions": "filter_normalised", "x": x, "y": y, "loss": loss + n, "standard_error": 0.01}
    )


def connection():
    position = np.linspace(0, 1, 5)
    return stacked(
        lambda n: {
            "reference": f"other{n}",
            "position": position,
            "curve_loss": 0.5 + 0 * position + n,
            "curve_standard_error": 0.01,
            "linear_loss": 0.5 + position * (1 - position) + n,
            "status": "not_converged" if n == 2 else "ok",
        }
    )


TABLES = {"spectral_density": density, "loss_surface": surface, "mode_connectivity": connection}
