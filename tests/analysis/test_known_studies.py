"""Studies side by side: what is kept of one, what takes its place, where it stands."""

import pandas as pd
import pytest

from lowland.analysis.criteria import clean_criterion
from lowland.analysis.known_studies import COLUMNS, standing, study_summary, with_study
from lowland.analysis.over_seeds import configurations
from lowland.analysis.score import score_of
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import TaskRequirements


@pytest.fixture(scope="module")
def found(tiny):
    return recommend(tiny, TaskRequirements({}))


@pytest.fixture(scope="module")
def tiny():
    from tests.made_study.tables import tiny_study

    return tiny_study()


def test_all_configurations_are_kept_with_their_means(tiny, found):
    kept = study_summary("data/mine", tiny, found)
    assert list(kept) == COLUMNS and set(kept.study) == {"data/mine"}
    scores = kept[kept.criterion == "score"].set_index(["recipe", "precision"])["value"]
    clean = configurations(tiny, [clean_criterion(score_of(tiny))]).set_index(["recipe", "precision"])["mean"]
    assert scores.to_dict() == pytest.approx(clean.to_dict())
    assert {"size", "score_gaussian"} <= set(kept.criterion)
    chosen = found["tasks"]["jets"]["chosen"]
    assert set(kept[kept.recommended].recipe) == {chosen["recipe"]} and kept[kept.recommended].precision.nunique() == 1


def test_a_study_takes_the_place_of_what_was_known_of_it(tiny, found):
    first = study_summary("data", tiny, found)
    both = with_study(with_study(None, first), study_summary("data/other", tiny, found))
    again = with_study(both, first.assign(value=1.0))
    assert len(again) == 2 * len(first) and set(again[again.study == "data"].value) == {1.0}
    assert with_study(both, first.iloc[:0]) is both


def recommended(study, score, size, *, measure="accuracy", higher=True):
    row = {"study": study, "task": "jets", "recommended": True, "measure": measure, "higher_is_better": higher}
    return [row | {"criterion": "score", "value": score}, row | {"criterion": "size", "value": size}]


def test_where_it_stands_is_counted_among_what_is_recommended_of_the_task():
    rows = [*recommended("a", 0.6, 100), *recommended("b", 0.7, 90), *recommended("c", 0.8, 200)]
    known = pd.DataFrame([*rows, *recommended("other", 3.0, 1, measure="emd", higher=False)], columns=COLUMNS)
    assert standing(known, "a", "jets") == (3, 3, 1)
    assert standing(known, "c", "jets") == (1, 3, 0)
    assert standing(known, "other", "jets") is None and standing(known, "nobody", "jets") is None
    lower = pd.DataFrame(
        [
            *recommended("x", 2.0, 5, measure="emd", higher=False),
            *recommended("y", 1.0, 9, measure="emd", higher=False),
        ],
        columns=COLUMNS,
    )
    assert standing(lower, "y", "jets") == (1, 2, 0) and standing(lower, "x", "jets") == (2, 2, 0)
