"""Write the data card of the simulated wafers, `docs/data/econ.md`, with their spectra beside the real ones.

    LOWLAND_DATA=path/to/data python -m scripts.describe_econ

Rows of the real sets stay where they are: the card holds quantiles and histograms of them. Its text stands in
`scripts/econ_card.md.j2`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from lowland.tasks.econ import hgcal, shower_profiles, showers
from lowland.tasks.econ.showers import SCENARIOS, simulated_wafers
from lowland.tasks.econ.wafers import CHARGES, VALUE_OF_CELL, normalised, read_wafers
from lowland.tasks.split_sizes import DATA_FOLDER

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("econ_card.md.j2")
REAL = {
    "nominal": "CALQ_output.csv",
    "electron": "electron_pt20_eta15-30_0PU.csv",
    "ttbar": "ttbar_0PU.csv",
    "jets": "jet_pt20_eta15-30_0PU.csv",
    "high_occupancy": "econt_mc_ttbar_testInput.csv",
}
REAL_SETS = Path(os.environ.get(DATA_FOLDER, "data")) / "hgcal"
QUANTILES = (0.05, 0.5, 0.95)
WAFERS = 4_000

Wafers = NDArray[np.int64]
SPECTRA = {
    "hit cells a wafer": (np.arange(0.5, 49.5), lambda charges: (charges > 0).sum(1)),
    "log₂ of a wafer's charge": (np.arange(1.0, 16.0, 0.5), lambda charges: np.log2(charges.sum(1))),
    "log₂ of a cell's charge": (np.arange(0.5, 14.5, 0.5), lambda charges: np.log2(charges[charges > 0])),
}
WIDTH, HEIGHT, MARGIN = 250, 110, 34


def figures(charges: Wafers) -> dict[str, Any]:
    """Quantiles of hit cells, charges and the leading cell's share, and how many images differ."""
    sums = charges.sum(1)
    spectra = {
        "hits": (charges > 0).sum(1),
        "sum": sums,
        "charge": charges[charges > 0],
        "leading": charges.max(1) / sums,
    }
    found: dict[str, Any] = {name: np.quantile(values, QUANTILES).tolist() for name, values in spectra.items()}
    found["mean_hits"] = float(spectra["hits"].mean())
    found["different"] = len(np.unique(normalised(charges), axis=0)) / len(charges)
    found["neighbours"] = likeness(charges)
    return found


def likeness(charges: Wafers) -> tuple[float, float]:
    """Mean correlation of the logarithms of charges, of neighbouring trigger cells and of all others."""
    hit = charges.std(0) > 0  # the others have no correlation
    distances = hgcal.cell_distances()[np.ix_(hit, hit)]
    correlation = np.corrcoef(np.log1p(charges[:, hit]).T)
    near = (distances > 0) & (distances < 1.05 * hgcal.TRIGGER_CELL)
    return float(correlation[near].mean()), float(correlation[(distances > 0) & ~near].mean())


def picture(real: dict[str, Wafers], simulated: dict[str, Wafers]) -> str:
    """An SVG: one row a set, one column a spectrum; real wafers filled, simulated ones as a line."""
    width, height = MARGIN * 3 + len(SPECTRA) * (WIDTH + MARGIN), MARGIN * 2 + len(real) * (HEIGHT + MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for column, (label, (edges, measure)) in enumerate(SPECTRA.items()):
        left = MARGIN * 3 + column * (WIDTH + MARGIN)
        parts.append(f'<text x="{left + WIDTH / 2}" y="{MARGIN / 2}" text-anchor="middle">{label}</text>')
        for row, name in enumerate(real):
            bottom = MARGIN + row * (HEIGHT + MARGIN) + HEIGHT
            shares = [
                np.histogram(measure(sets[name]), edges)[0] / len(measure(sets[name])) for sets in (real, simulated)
            ]
            top = max(share.max() for share in shares)
            filled, line = (_steps(edges, share / top, left, bottom) for share in shares)
            base = f"{left + WIDTH},{bottom} {left},{bottom}"
            parts.append(f'<polygon points="{filled} {base}" fill="#b8c4d0"/>')
            parts.append(f'<polyline points="{line}" fill="none" stroke="#c0392b" stroke-width="1.5"/>')
            parts.append(f'<line x1="{left}" y1="{bottom}" x2="{left + WIDTH}" y2="{bottom}" stroke="#222"/>')
            for value in (edges[0], (edges[0] + edges[-1]) / 2, edges[-1]):
                place = left + WIDTH * (value - edges[0]) / (edges[-1] - edges[0])
                parts.append(
                    f'<text x="{place}" y="{bottom + 13}" text-anchor="middle" font-size="10">{value:g}</text>'
                )
            if column == 0:
                middle = bottom - HEIGHT / 2
                parts.append(f'<text x="6" y="{middle}">{name.replace("_", " ")}</text>')
    key = height - 8
    parts.append(f'<rect x="{MARGIN * 3}" y="{key - 9}" width="18" height="9" fill="#b8c4d0"/>')
    parts.append(f'<text x="{MARGIN * 3 + 24}" y="{key}">real</text>')
    parts.append(f'<rect x="{MARGIN * 3 + 74}" y="{key - 5}" width="18" height="2" fill="#c0392b"/>')
    parts.append(f'<text x="{MARGIN * 3 + 98}" y="{key}">simulated; shares of wafers or hit cells, scaled</text></svg>')
    return "\n".join(parts) + "\n"


def _steps(edges: NDArray[np.float64], heights: NDArray[np.float64], left: float, bottom: float) -> str:
    x = left + WIDTH * (np.repeat(edges, 2)[1:-1] - edges[0]) / (edges[-1] - edges[0])
    y = bottom - HEIGHT * np.repeat(heights, 2)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def three_digits(value: float) -> str:
    """Three significant digits, without exponents for large numbers."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, simulate, measure, write picture and card."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description="Write the data card of the simulated wafers.")
    parser.add_argument("--real", type=Path, default=REAL_SETS, help="directory of the real sets")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "data" / "econ.md")
    options = parser.parse_args(arguments)
    real = {name: read_wafers(options.real / file)[list(CHARGES)].to_numpy() for name, file in REAL.items()}
    files = {name: (REAL[name], len(charges)) for name, charges in real.items()}
    real = {name: charges[charges.any(1)] for name, charges in real.items()}
    simulated = {name: simulated_wafers(SCENARIOS[name], WAFERS, key=("econ card", name)) for name in REAL}
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"digits": three_digits, "percent": lambda value: f"{100 * value:.0f} %"}
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        real={name: figures(charges) for name, charges in real.items()},
        simulated={name: figures(charges) for name, charges in simulated.items()},
        as_sent=likeness(real["high_occupancy"][:, np.argsort(VALUE_OF_CELL)]),
        files=files,
        wafers=WAFERS,
        scenarios=SCENARIOS,
        showers=showers,
        profiles=shower_profiles,
        command=shlex.join(["python", "-m", "scripts.describe_econ", *arguments]),
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    options.output.with_suffix(".svg").write_text(picture(real, simulated), encoding="utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
