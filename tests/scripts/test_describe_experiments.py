"""The page on experiments: outputs stand where they belong, and a command that fails is named."""

import pytest

from scripts.describe_experiments import SHOWN, output_of, page


def test_every_output_stands_on_the_page_under_its_command():
    text = page({name: f"output of {name}" for name in SHOWN})
    for name, words in SHOWN.items():
        assert f"output of {name}" in text and f"dvc {words[0]} {words[1]}" in text
    assert "dvc exp run -S training.epochs=2" in text


def test_a_command_that_fails_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"dvc nothing failed in "):
        output_of(["nothing"], tmp_path)
