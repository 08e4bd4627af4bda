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


def flip_map():
    """Two tensors of different widths; each bit counts twice as much as the one below it, the next cell ten times."""

    def of_cell(n):
        sites = [("layer0.weight", "weight", 4, bit) for bit in range(4)]
        sites += [("layer0.bias", "bias", 6, bit) for bit in range(6)]
        tensor, kind, bits, bit = (np.array(column) for column in zip(*sites, strict=True))
        drop = 1e-3 * 2.0 ** (bit - bits + 1) * 10.0 ** (n % 4)
        return {
            "score": "accuracy",
            "tensor": tensor,
            "kind": kind,
            "layer": "layer0",
            "bit": bit,
            "bits": bits,
            "num_flips": np.where(kind == "weight", 12, 3),
            "mean_score_drop": np.where(bit == 0, -1e-4, drop),
            "largest_score_drop": 3 * drop,
            "mean_loss_rise": np.where(bit == 0, -1e-4, 2 * drop),
            "largest_loss_rise": 9 * drop,
            "num_rows": 400,
        }

    return stacked(of_cell)


def protection():
    """Plans at two rates; at the higher one 100 of 100 bits hold the floor by simulation, 30 to first order."""

    def at(n, rate, needed):
        protected = np.array([0, 1, 3, 10, 30, 100])
        expected = 0.7 - 40 * rate / (1 + protected)
        return {
            "score": "accuracy",
            "protected": protected,
            "expected": expected,
            "gain": np.where(protected == 0, 0.0, 1e-3 / (1 + protected)),
            "simulated": np.where(protected == 3, np.nan, expected - 0.005 * (n + 1)),
            "simulated_standard_error": 0.001,
            "clean": 0.7,
            "floor": 0.698,
            "bit_error_rate": rate,
            "needed": needed,
            "needed_by_simulation": needed if needed != 30.0 else 100.0,
            "num_bits": 100,
            "num_rows": 400,
        }

    low = stacked(lambda n: at(n, 1e-4, 0.0))
    return pd.concat([low, stacked(lambda n: at(n, 1e-3, 30.0 if n != 2 else np.nan))], ignore_index=True)


def upset_safety():
    """Half of the bits make all landscape rows safe; test rows stay a tenth behind."""

    def of_cell(n):
        triplicated = np.array([0, 10, 20, 50])
        share = np.array([0.1, 0.5, 0.8, 1.0])
        return {
            "triplicated": triplicated,
            "landscape_share": share,
            "test_share": share - 0.1 * (triplicated > 0),
            "num_bits": 100,
            "num_rows": 400,
        }

    return stacked(of_cell)


def policy_search():
    """Four policies of three layers, the second of them the worst; every next cell loses a tenth more."""

    def of_cell(n):
        drop = np.array([0.0, 0.3, 0.1, 0.2]) + 0.1 * n
        return {
            "evaluation": np.arange(1, 5),
            "drop": drop,
            "best": np.maximum.accumulate(drop),
            "widths": ["8 8 8", "2 8 4", "4 4 8", "4 8 4"],
            "layers": "a b c",
            "agent": "greedy",
            "mean_bits": 5.0,
            "search_status": "converged",
        }

    return stacked(of_cell)


def worst_inputs(*, images=True):
    """Two inputs: images of two by three pixels in grey, or as many features."""

    def of_cell(n):
        numbers = [np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]) + n, np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.5])]
        return {
            "row": [7, 3],
            "lost": [2.0, 1.0],
            "margin": [1.5, 0.25],
            "margin_under": [-0.5, -0.75],
            "answer": [1, 0],
            "answer_under": [2, 0],
            "broken": [True, False],
            "crest": [4.0, 2.5],
            "crest_layer": ["a", "b"],
            "range": [3.0, 1.0],
            "input": numbers,
            "shape": [[1, 2, 3] if images else [6]] * 2,
        }

    return stacked(of_cell)


TABLES = {
    "spectral_density": density,
    "loss_surface": surface,
    "mode_connectivity": connection,
    "flip_map": flip_map,
    "protection": protection,
    "upset_safety": upset_safety,
    "policy_search": policy_search,
    "worst_inputs": worst_inputs,
}
