"""The notebook that comes with the project runs on a finished study, and was committed as it ran."""

import base64
import json

import pytest

from scripts.run_notebook import executed
from tests.study.project import ROOT

pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "notebooks" / "explore.ipynb"
LARGEST = 300_000  # bytes


def outputs(notebook, kind):
    """What the cells show of one media type, or print."""
    shown = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    if kind == "printed":
        return ["".join(output["text"]) for output in shown if output["output_type"] == "stream"]
    return [output["data"][kind] for output in shown if kind in output.get("data", ())]


@pytest.fixture(scope="module")
def ran(finished, tmp_path_factory):
    """The notebook after its cells ran where the smoke study did."""
    path = tmp_path_factory.mktemp("notebook") / "executed.ipynb"
    result = finished.python("scripts.run_notebook", str(NOTEBOOK), "--output", str(path), "--without-images")
    assert result.returncode == 0, result.stderr
    return json.loads(path.read_text("utf-8"))


def test_it_redraws_two_figures_and_answers_its_question(ran):
    texts = ["".join(text) for text in outputs(ran, "text/plain")]
    assert sum(text.startswith("Figure with") for text in texts) == 2
    assert not any(text == "Figure with 0 traces" for text in texts)
    (costs,) = [text for text in texts if "gaussian" in text]
    assert "qat4" in costs and "ptq4" in costs and "nan" not in costs.lower()
    loaded, asked = outputs(ran, "printed")
    assert "measurements on 3 precisions and 2 recipes" in loaded
    assert -1 <= float(asked.rpartition(":")[2]) <= 1


def test_it_was_committed_as_it_ran(ran):
    committed = json.loads(NOTEBOOK.read_text("utf-8"))
    code = [cell for cell in committed["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert NOTEBOOK.stat().st_size < LARGEST
    drawn = outputs(committed, "image/png")
    assert len(drawn) == 2 and all(base64.b64decode(image).startswith(b"\x89PNG") for image in drawn)
    for cell, again in zip(committed["cells"], ran["cells"], strict=True):
        assert cell["source"] == again["source"]
        kinds = [[output["output_type"] for output in each.get("outputs", ())] for each in (cell, again)]
        assert kinds[0] == kinds[1]


def test_cells_share_their_names_and_show_their_last_line():
    def cell(text):
        return {"cell_type": "code", "source": text.splitlines(keepends=True), "outputs": [], "execution_count": None}

    words = {"cell_type": "markdown", "source": ["# Words"]}
    before = {"cells": [cell("x = 2\nprint('two')"), words, cell("x + 1"), cell("")]}
    after = executed(before)
    assert outputs(after, "printed") == ["two\n"] and outputs(after, "text/plain") == [["3"]]
    assert after["cells"][1] == words and before["cells"][2]["outputs"] == []
    with pytest.raises(ZeroDivisionError):
        executed({"cells": [cell("1 / 0")]})
