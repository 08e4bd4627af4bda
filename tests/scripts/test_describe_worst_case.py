"""The page on the worst case holds the numbers of its tables, and says what misses and what was not measured."""

import pandas as pd
import pytest
import yaml

from lowland.measurements import stack
from scripts.describe_worst_case import PUBLISHED, factor_rows, facts_of, main, page, points
from scripts.worst_case_tables import (
    all_pairs,
    layer_rows,
    means_of,
    policy_rows,
    protection_rows,
    rows_needed,
    search_rows,
    student_rows,
)
from tests.made_study.protections import protections
from tests.made_study.tables import tiny
from tests.made_study.worst_case import policies, students

__all__ = ["tiny"]
TARGETS = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))["targets"]
OPTIONS = {
    "choices": [2, 4, 8],
    "mean_bits": 5.0,
    "agent": "cross_entropy",
    "evaluations": 120,
    "rows": 1000,
    "runtime": "litert",
}


def searches():
    """Two agents on a network: greedy is at the optimum after 3 evaluations, random never."""
    rows = []
    for agent, seeds, shares in (("greedy", 1, (0.25, 0.5, 1.0)), ("random", 3, (0.25, 0.25, 0.5))):
        for seed in range(seeds):
            for number, share in enumerate(shares, start=1):
                rows.append(("six layers", 5.0, 0.4, agent, seed, number, share))
    return pd.DataFrame(rows, columns=["network", "mean_bits", "optimum", "agent", "seed", "evaluations", "share"])


def study(folder, *tables):
    (folder / "08_reporting").mkdir(parents=True)
    stack(tables).to_parquet(folder / "08_reporting" / "measurements.parquet")
    record = {"parameters": {"worst_case": OPTIONS}}
    (folder / "08_reporting" / "study.yml").write_text(yaml.safe_dump(record), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies") / "made"
    halves = [table(split) for split in ("test", "selection") for table in (policies, protections)]
    return study(folder, tiny, students(), *halves)


def test_losses_are_means_over_recipes(tiny):
    rows = {row["precision"]: row for row in policy_rows(stack([tiny, policies()]))}
    assert rows["fp32"]["policy_drop"][0] == pytest.approx(0.16) and rows["fp32"]["ends"] == pytest.approx((0.11, 0.21))
    assert (rows["fp32"]["networks"], rows["fp32"]["recipes"]) == (4, 2) and rows["qat4"]["equalized_drop"][0] != 0
    first = layer_rows(policies())[0]
    assert (first["layer"], first["place"], first["layers"], first["first_in"]) == ("2", 2, 3, 2)


def test_targets_are_held_against_what_was_measured():
    (facts,) = all_pairs(students(), TARGETS)
    assert (facts["detrimental"], facts["equalized"]) == (pytest.approx(0.5), pytest.approx(0.4))
    assert facts["breaks"] and facts["survives"] and facts["holds"]
    rows = students()
    weak = rows.assign(value=rows.value.where(~rows.measure.str.startswith("pair_drop"), 0.05))
    (facts,) = all_pairs(weak, TARGETS)
    assert not (facts["breaks"] or facts["survives"] or facts["holds"])


def test_protections_are_sorted_by_cost_and_areas_end_at_one():
    rows = protection_rows(protections())
    assert [row["protection"] for row in rows][:2] == ["no_protection", "clipped_ranges"]
    assert rows[0]["lost"][0] == pytest.approx(0.2) and not rows[0]["is_protection"]
    (crest, _) = means_of(protections(), "broken_auroc")
    assert crest["target"] == "crest" and crest["value"][0] == pytest.approx(0.6)
    wide = protections()
    wide.loc[(wide.measure == "broken_auroc") & (wide.recipe == "plain"), "value"] = 0.99
    assert max(row["value"][2] for row in means_of(wide, "broken_auroc")) <= 1


def test_agents_are_compared_at_equal_evaluations():
    greedy, random = search_rows(searches(), share=0.95, evaluations=120)
    assert (greedy["reached"], greedy["missed"], greedy["share"]) == (3, 0, pytest.approx(1.0))
    assert (random["reached"], random["missed"], random["share"]) == (float("inf"), 3, pytest.approx(0.5))
    assert (random["behind"], greedy["behind"]) == (2, 0)
    assert search_rows(searches(), share=0.95, evaluations=1)[1]["behind"] == 0
    alone = searches()
    assert search_rows(alone[alone.agent == "random"], share=0.95, evaluations=120)[0]["behind"] == 0


def trained_students():
    """Two teachers at one budget."""
    losses = ("detrimental", "detrimental_equalized", "detrimental_under_robust", "control_under_detrimental", "robust")
    others = ("robust_own_worst", "control_own_worst", "detrimental_accuracy", "robust_accuracy", "control_accuracy")
    rows = [
        {"network": "LeNet", "seed": seed, "mean_bits": 4.5, "trained_under": way, "equivalence_p": 0.04 + 0.02 * seed}
        | {"detrimental": 0.4 + 0.2 * seed, "one_right": 0.01, "rows": 250}
        for way in ("", "random policies")
        for seed in (0, 1)
    ]
    return pd.DataFrame([dict.fromkeys((*losses, *others), 0.5) | row for row in rows])


def test_students_are_means_over_teachers_and_rows_that_equivalence_needs_are_counted():
    usual, other = student_rows(trained_students())
    assert (usual["trained_under"], other["trained_under"]) == ("", "random policies")
    assert (usual["teachers"], usual["equivalent"], usual["detrimental"]) == (2, 1, pytest.approx(0.5))
    assert usual["rows_needed"] == rows_needed(0.01) and rows_needed(0) == 268 < rows_needed(0.001)
    assert rows_needed(0.3) == pytest.approx(0.3 * (1.645 / 0.01) ** 2, rel=0.02)  # of many rows: standard errors


def test_factors_are_means_over_networks():
    table = pd.DataFrame(
        {"factor": "depth", "setting": ["2", "2", "4"], "accuracy": 0.5, "policy_drop": [0.1, 0.3, 0.5]}
    )
    first, second = factor_rows(table)
    assert (first["setting"], first["networks"], first["lost"]) == ("2", 2, pytest.approx(0.2))
    assert first["error"] == pytest.approx(0.1)
    assert second["lost"] == pytest.approx(0.5) and second["error"] != second["error"]


def test_the_page_tells_all_parts(whole, tmp_path):
    searches().to_parquet(tmp_path / "search.parquet")
    trained_students().to_parquet(tmp_path / "students.parquet")
    text = page(facts_of([whole], search=tmp_path / "search.parquet", students=tmp_path / "students.parquet"))
    assert "| LeNet | 4.5 | as usual | 2 | 50 | 50 |" in text and f"| 1 of 2 | 250 ({rows_needed(0.01)}) |" in text
    assert "lose\n10 to 65 points of accuracy" in text and "ResNet-18: 24.39 against\n0.22" in text
    assert "the detrimental pair reaches the 30 points that were to be lost (50)" in text
    assert "- greedy: 1 of 1 networks and budgets" in text and "| six layers | 5 | random | 3 | - | 3 |" in text
    assert "| jets | fp32 | 4 |" in text and "outliers coded apart" in text and "cross entropy | 120 at most" in text
    assert "Networks that differ in one thing" not in text and "Not measured in this study" in text


def test_what_was_not_measured_is_said(tiny, tmp_path):
    text = page(facts_of([study(tmp_path / "bare", tiny, policies())]))
    for absent in ("were not compared here", "No students were made", "No protection was tried", "Not measured in"):
        assert absent in text


def test_losses_have_no_plus():
    assert (points(0.123), points(-0.01), points(float("nan"))) == ("12", "\N{MINUS SIGN}1", "-")


def test_the_command_writes_the_page(whole, tmp_path, monkeypatch, capsys):
    out, factors = tmp_path / "worst_case.md", tmp_path / "factors.parquet"
    pd.DataFrame({"factor": "depth", "setting": ["2"], "accuracy": 0.5, "policy_drop": 0.1}).to_parquet(factors)
    command = ["describe_worst_case", str(whole), str(whole), "--factors", str(factors), "--page", str(out)]
    monkeypatch.setattr("sys.argv", command)
    main()
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# How bad can it get") and "| depth | 2 | 1 | 50.0 % | 10 |" in text
    assert text.count("| jets | fp32 | 4 |") == 2 and str(out) in capsys.readouterr().out
