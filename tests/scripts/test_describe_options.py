"""The pages of options are what the classes say."""

from typing import Annotated, Literal, get_args

import pytest
import yaml
from pydantic import BaseModel, Field

from lowland.config import Study
from lowland.training import Recipe
from lowland.training.recipes.recipe import AnyRecipe
from scripts.describe_options import DOCS, EXAMPLES, PAGES
from scripts.option_tables import Option, options


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_script_writes(name):
    assert (DOCS / name).read_text() == PAGES[name](), "run python -m scripts.describe_options"


def test_every_kind_has_a_line_that_is_a_recipe_and_a_source():
    page = PAGES["recipes.md"]()
    blocks = [part.split("```")[0] for part in page.split("```yaml")[1:]]
    lines = yaml.safe_load("\n".join(blocks))
    kinds = {recipe.model_fields["kind"].annotation.__args__[0] for recipe in get_args(AnyRecipe)}
    assert set(lines) == kinds == set(EXAMPLES)
    assert all(Recipe.model_validate(line).root.kind == kind for kind, line in lines.items())
    assert page.count("Source: ") == len(kinds) - 1  # the plain one has none
    assert "| `rho` | number above 0 | required |" in page


def test_every_parameter_of_the_study_has_its_section():
    page = PAGES["parameters.md"]()
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == list(Study.model_fields)
    for told in (
        "`calibration`",
        "`percentile`",
        "`bias_correction`",
        "`equalization`",
        "`missing_codes`",
        "`at_least`",
    ):
        assert f"| {told} |" in page


class Parent(BaseModel):
    """What they share.

    Attributes:
        rows: Rows
            to read.
    """

    rows: Annotated[int, Field(ge=1, lt=9)]


class Child(Parent):
    """One.

    Attributes:
        mode: ``a`` or ``b``.
        levels: Of it.
        marks: |x|.
    """

    kind: Literal["child"]
    mode: Literal["a", "b"] | None = None
    levels: Annotated[tuple[float, ...], Field(min_length=1)] = (0.5, 2.0)
    marks: tuple[Literal[";", "|"] | int | None, ...] | None = None


def test_types_ranges_defaults_and_inherited_meanings_are_told():
    assert options(Child) == [
        Option("rows", "whole number at least 1 and below 9", "required", "Rows to read."),
        Option("mode", "one of `a`, `b` or none", "none", "`a` or `b`."),
        Option("levels", "list of 1 or more: number", "`[0.5, 2.0]`", "Of it."),
        Option("marks", r"list of any number: (one of `;`, `\|` or whole number or none) or none", "none", r"\|x\|."),
    ]
    assert options(Child, {"rows": 3})[0].default == "`3`"


def test_an_option_without_a_meaning_is_refused():
    class Silent(Parent):
        """One."""

        width: int

    with pytest.raises(ValueError, match=r"Silent\.width has no meaning"):
        options(Silent)
