"""A user's own code is tried on its data before anything is deleted; see also tests/test_hooks.py."""

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.datasets import TableDataset
from lowland.errors import LowlandError, MistakesError
from lowland.raw_tables import check_raw_tables
from tests.own_package import SIZES
from tests.studies import default_parameters

HEAD = "from gestures import Gestures\n\nclass Own(Gestures):\n"
FP32 = {"fp32": {"method": "float", "weight_bits": 32, "activation_bits": 32}}
PTQ4 = {"ptq4": {"method": "ptq", "weight_bits": 4, "activation_bits": 4}}
NETWORK = """
    def network_spec(self):
        from lowland.own_code import custom_spec
        return custom_spec(Net, inputs=(3, 24), outputs=4)

from torch import nn

class Net(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(72, 8), nn.GLU())
    def forward(self, inputs):
        return self.layers(inputs)
"""


def first(raw):
    return raw


@pytest.fixture
def checked(package, tmp_path):
    """Checks the raw table of a task of these lines."""

    def check(body, precisions=FP32):
        package.write("theirs", HEAD + body)
        task = {"kind": "custom", "task": "theirs:Own", "options": SIZES}
        asked = default_parameters() | {"tasks": {"own": task}, "precisions": precisions, "requirements": {}}
        nowhere = {"precisions": "none"}
        asked |= {name: asked[name] | nowhere for name in ("landscape_detail", "flip_map")}
        grid.set_parameters(asked)
        catalog = DataCatalog({"own.imported": TableDataset(filepath=str(tmp_path / "imported/own.parquet"))})
        return check_raw_tables(Pipeline([Node(first, "own.imported", "own.splits", name="prepare")]), catalog)

    yield check
    grid.set_parameters(default_parameters())


def test_a_good_task_passes_and_its_table_is_made_again_when_its_code_changes(checked, tmp_path):
    first = checked("    pass\n")
    assert list(first) == ["own.imported"] and checked("    pass\n") == first
    made = (tmp_path / "imported/own.json").read_text()
    assert checked("    pass  # another\n") == first  # the same bytes again
    assert (tmp_path / "imported/own.json").read_text() != made
    quieter = "    def fetch(self): return super().fetch() * 1.0\n"
    assert checked(quieter) != first


def test_every_mistake_is_a_line_before_the_run(checked):
    with pytest.raises(MistakesError) as error:
        checked("    def decisions(self, o): return o\n    def guess_score(self, t): return float('inf')\n")
    assert [line.partition(" ")[0] for line in error.value.lines] == ["tasks.own.decisions", "tasks.own.guess_score"]


def test_what_fetching_raises_is_one_line_with_its_place(checked):
    with pytest.raises(LowlandError, match=r"^tasks\.own fails: KeyError: 'a' \(.*theirs\.py, line 4\)$"):
        checked("    def fetch(self): return {}['a']\n")


def test_what_cannot_be_quantized_matters_where_a_precision_has_codes(checked):
    assert checked(NETWORK)
    with pytest.raises(MistakesError, match=r"tasks\.own\.network_spec: quantization of theirs:Net: "):
        checked(NETWORK, FP32 | PTQ4)
