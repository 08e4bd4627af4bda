"""The data card is written with figures of both kinds of wafers, and its picture is well-formed."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd

from lowland.tasks.econ.hgcal import CELLS
from lowland.tasks.econ.wafers import CHARGES
from scripts import describe_econ


def test_card_and_picture(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    for name, file in describe_econ.REAL.items():
        charges = random.integers(0, 50, (40, CELLS)) * (random.random((40, CELLS)) < 0.5)
        pd.DataFrame(charges, columns=list(CHARGES)).to_csv(tmp_path / file, index=False)
        assert name in describe_econ.SCENARIOS
    monkeypatch.setattr(describe_econ, "WAFERS", 30)
    card = tmp_path / "docs" / "econ.md"
    describe_econ.main(["--real", str(tmp_path), "--output", str(card)])
    text = card.read_text()
    assert all(f"| {name} | {kind} |" in text for name in describe_econ.REAL for kind in ("real", "simulated"))
    drawing = ElementTree.parse(card.with_suffix(".svg")).getroot()
    lines = drawing.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == len(describe_econ.REAL) * len(describe_econ.SPECTRA)


def test_neighbours_that_share_a_charge_are_alike():
    random = np.random.default_rng(0)
    common = random.integers(1, 100, (500, 1))
    near, others = describe_econ.likeness(common + random.integers(0, 2, (500, CELLS)))
    assert near > 0.9 and others > 0.9
    near, others = describe_econ.likeness(random.integers(0, 100, (4000, CELLS)))
    assert abs(near) < 0.02 and abs(others) < 0.02
