"""The comparison with the published study: every verdict, from tables in which the truth is known."""

import math

import numpy as np
import pytest
import yaml
from scipy import stats

from scripts.compare_published import FIGURES, main
from scripts.published_comparison import TaskComparison, agreement
from scripts.published_statistics import Interval, best_inside, by_bits, jackknife, t_interval
from tests.scripts.published_study import PUBLISHED, published_study

FIGURES_TABLE = yaml.safe_load(FIGURES.read_text())


def compared(rows):
    return TaskComparison("econ", rows, FIGURES_TABLE)


def claimed(rows):
    return {claim.claim: claim for claim in compared(rows).claims()}


def verdict_of(claims, *parts):
    (found,) = [found.verdict for claim, found in claims.items() if all(part in claim for part in parts)]
    return found


@pytest.fixture(scope="module")
def as_published():
    return compared(published_study(recipes=PUBLISHED))


def test_an_interval_over_seeds_is_students():
    values = [1.0, 1.2, 1.4, float("nan")]
    found = t_interval(values)
    low, high = stats.t.interval(0.95, 2, loc=1.2, scale=np.std(values[:3], ddof=1) / np.sqrt(3))
    assert (found.low, found.high, found.number) == (pytest.approx(low), pytest.approx(high), 3)
    assert t_interval([2.0]).verdict == "cannot tell" and t_interval([]).verdict == "not measured"


def test_the_jackknife_of_pairs_of_three_seeds_has_twice_the_naive_error():
    pairs = {frozenset("ab"): 0.5, frozenset("ac"): 0.6, frozenset("bc"): 0.8}
    found, naive = jackknife(pairs), t_interval(list(pairs.values()))
    assert found.mean == pytest.approx(naive.mean)
    assert found.high - found.mean == pytest.approx(2 * (naive.high - naive.mean))
    assert math.isnan(jackknife({frozenset("ab"): 0.5}).low) and not jackknife({}).number


@pytest.mark.parametrize(
    ("published", "ours", "verdict"),
    [
        (1.13, Interval(1.14, 1.12, 1.16, 3), "agrees"),
        (1.10, Interval(1.14, 1.115, 1.165, 3), "agrees"),  # within the reading error
        (1.05, Interval(1.14, 1.12, 1.16, 3), "differs"),
        (1.13, Interval(1.13, float("nan"), float("nan"), 1), "cannot tell"),
        (1.13, t_interval([]), "not measured"),
    ],
)
def test_figures_agree_within_interval_and_reading_error(published, ours, verdict):
    assert agreement(published, ours, 0.02) == verdict


def test_clean_scores_stand_beside_the_published_ones(as_published):
    found = {(row.recipe, row.what): row for row in as_published.clean()}
    assert found["plain (`plain`)", "12 bits"].verdict == found["plain (`plain`)", "3 bits"].verdict == "agrees"
    assert found["plain (`plain`)", "12 bits"].published == "1.13"
    assert found["orthogonal (`orthogonal_1e-5`)", "3 bits"].verdict == "differs"  # planted 7 % above plain
    assert {recipe for recipe, _ in found} == {
        "plain (`plain`)",
        "Jacobian (`jacobian_published_1e-1`)",
        "Jacobian (`jacobian_1e-1`)",
        "orthogonal (`orthogonal_1e-5`)",
    }


def test_the_best_bit_width_under_noise_is_named(as_published):
    best = [row for row in as_published.noise() if "best" in row.what]
    assert {row.what for row in best} == {
        "best bit width (published 5, ours 5)",
        "best bit width (published 6, ours 5)",
    }


@pytest.mark.parametrize(("best", "verdict"), [(5, "held"), (12, "not held")])
def test_the_most_robust_bit_widths(best, verdict):
    comparison = claimed(published_study(recipes=PUBLISHED, best=best))
    for disturbance in ("Gaussian noise", "ranked flips"):
        for recipe in ("(plain)", "(Jacobian)", "(orthogonal)"):
            assert verdict_of(comparison, "most robust", disturbance, recipe) == verdict


@pytest.mark.parametrize(("growth", "verdict"), [(0.6, "held"), (-0.6, "not held")])
def test_growth_of_the_largest_eigenvalue(growth, verdict):
    rows = published_study(recipes=("plain",), eigenvalue_growth=growth)
    assert verdict_of(claimed(rows), "grows with the bits") == verdict
    (found,) = [row for row in compared(rows).eigenvalues() if row.what == "12 over 3 bits" and "plain" in row.recipe]
    mean, low, high = (float(number.strip("[],")) for number in found.ours.split())
    assert low < mean < high and mean == pytest.approx(4**growth, rel=0.02) and found.published == "3.5×"


def test_prediction_across_recipes():
    gentle = claimed(published_study())
    assert verdict_of(gentle, "Gentle", "Gaussian") == "held"
    assert verdict_of(gentle, "CKA foretells", "ranked") == "not held"
    other = claimed(published_study(gentle=False))
    assert verdict_of(other, "CKA foretells", "ranked") == "held"
    assert verdict_of(other, "Gentle", "Gaussian") != "held"
    assert verdict_of(other, "Not published", "Gaussian") == "held"


def test_a_handful_of_recipes_describes_itself():
    few = claimed(published_study(recipes=PUBLISHED))
    assert verdict_of(few, "Gentle", "Gaussian") == "cannot tell"
    assert any("4 recipes: descriptive" in claim.ours for claim in few.values())


def test_what_is_missing_is_not_measured():
    comparison = compared(published_study(recipes=("plain",), bits=(3, 8), seeds=("s0",)))
    found = {(row.recipe, row.what): row.verdict for row in (*comparison.clean(), *comparison.noise())}
    assert found["plain (`plain`)", "3 bits"] == "cannot tell" and found["plain (`plain`)", "6 bits"] == "not measured"
    assert found["orthogonal (`orthogonal_1e-5`)", "12 bits"] == "not measured"
    assert {row.verdict for row in comparison.cka()} == {"not measured"}
    assert {claim.verdict for claim in comparison.claims()} <= {"not measured", "cannot tell"}


def test_numbers_that_are_none_count_for_nothing():
    rows = published_study(recipes=("plain",))
    lost = (rows.weight_bits == 12) & (rows.family == "noise")
    rows.loc[lost, ["value", "status"]] = [float("nan"), "non_finite"]
    comparison = compared(rows)
    assert {row.verdict for row in comparison.noise() if row.what == "12 bits"} == {"not measured"}
    table = by_bits(rows, recipe="plain", family="noise", measure="emd", condition="gaussian")
    assert best_inside(table, [4, 5, 6], higher_is_better=False).verdict == "held"


def test_the_page_is_written_from_the_tables(tmp_path, capsys):
    rows = published_study(recipes=PUBLISHED)
    fusion = published_study(task="fusion", score="vector_error", recipes=("plain", "orthogonal_1e-5"), best=12)
    paths = [tmp_path / "econ.parquet", tmp_path / "fusion.parquet"]
    for path, table in zip(paths, (rows, fusion), strict=True):
        table.to_parquet(path)
    target = tmp_path / "published.md"
    main([str(paths[0]), "--output", str(target)])
    alone = target.read_text()
    assert "## ECON-T" in alone and "**Tokamak mode controller: not measured.**" in alone
    assert "| plain (`plain`) | 12 bits | 1.13 | 1.13 [" in alone
    main([*map(str, paths), "--output", str(target)])
    both = target.read_text()
    assert "## Tokamak mode controller" in both and "not measured.**" not in both
    assert "- **noise**: The published code divides" in both.split("## Tokamak")[1]
    assert "| 4–6 bits are the most robust to Gaussian noise, all levels (plain) |" in both
    assert "best at 12 bits | not held |" in both.split("## Tokamak")[1]
    assert all(line.count("|") in (4, 6) for line in both.splitlines() if line.startswith("|"))
    assert "nan" not in both and "\n\n\n" not in both
    capsys.readouterr()


def test_mistakes_are_one_line(tmp_path):
    path = tmp_path / "measurements.parquet"
    with pytest.raises(SystemExit, match="does not exist; run the study first"):
        main([str(path)])
    published_study(task="jets", recipes=("plain",), bits=(3,)).to_parquet(path)
    with pytest.raises(SystemExit, match="no rows of econ or fusion"):
        main([str(path)])
    published_study(recipes=("plain",), bits=(3,)).to_parquet(path)
    with pytest.raises(SystemExit, match="has task econ, and so has another table"):
        main([str(path), str(path)])
