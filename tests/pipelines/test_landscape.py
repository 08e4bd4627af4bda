"""Seeds are compared by what their task asks of them."""

import copy

import pytest
import torch
from torch import nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.grid import CellGroup
from lowland.landscape import LandscapeOptions
from lowland.measurements import Cell
from lowland.pipelines.landscape.nodes import compare_seeds
from lowland.tasks import Samples
from lowland.tasks.econ import EconOptions
from lowland.tasks.econ.hgcal import VALID_PIXEL
from tests.base_options import base
from tests.made_splits import all_in

SIZES = {"train_rows": 8, "validation_rows": 8, "landscape_rows": 8, "test_rows": 8, "shifted_rows": 8}
TASK = EconOptions(kind="econ", source="simulated", filters=8, latent=16, **SIZES)
CELL = Cell(
    task="econ", recipe="plain", seed="s0", precision="fp32", method="float", weight_bits=32, activation_bits=32
)


def test_pixels_that_show_no_cell_do_not_make_wafers_unlike():
    torch.manual_seed(0)
    rows = Samples(torch.rand(8, 1, 8, 8), torch.rand(8, 48))
    first = nn.Sequential(nn.Flatten(), nn.Linear(64, 64)).eval()
    second = copy.deepcopy(first)
    unseen = ~torch.as_tensor(VALID_PIXEL).flatten()
    with torch.no_grad():
        second[1].weight[unseen] = torch.randn(16, 64)
    found = compare_seeds(
        CellGroup(cells=(CELL, CELL.model_copy(update={"seed": "s1"}))),
        TASK,
        LandscapeOptions(**base("landscape", few_rows=8)),
        StoredTensors(all_in(rows, (1, 8, 8)).to_tensors()),
        StoredModel(first),
        StoredModel(second),
    )
    alike = found[found.measure == "cka"].set_index("target")["value"]
    assert alike[""] == pytest.approx(1) and alike["1"] < 0.9
