"""The published grid's recipes: the committed file is the script's, and holds what the correlations need."""

from itertools import pairwise

import yaml

from lowland.training import Recipe
from scripts.draw_recipes import DRAWN, TARGET, recipes, text


def test_the_committed_file_is_what_the_script_writes():
    assert TARGET.read_text() == text(), "run python -m scripts.draw_recipes"


def test_the_published_effective_strength_is_the_published_one_over_eight_batches():
    found = recipes()
    for strength in ("1e-1", "1e-2", "1e-3"):
        effective, correct = (found[f"jacobian_{kind}{strength}"]["weight"] for kind in ("published_", ""))
        assert abs(correct / effective / 8192 - 1) < 1e-4


def test_there_are_recipes_enough_to_resample_and_all_of_them_are_recipes():
    written = yaml.safe_load(text())
    assert len(written["recipes"]) >= 24
    assert all(Recipe.model_validate(options) for options in written["recipes"].values())
    assert set(written["qat_recipes"]) < set(written["recipes"])


def test_drawn_strengths_cover_their_range_evenly_in_the_logarithm():
    for kind, (low, high, count) in DRAWN.items():
        drawn = [options["weight"] for name, options in recipes().items() if name.startswith(f"{kind}_drawn")]
        edges = [low * (high / low) ** (part / count) for part in range(count + 1)]
        assert all(a <= weight <= b for weight, (a, b) in zip(drawn, pairwise(edges), strict=True))
