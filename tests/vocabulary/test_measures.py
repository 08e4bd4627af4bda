"""Every measure has a name of its own and says which end is better."""

from lowland.vocabulary.certificate_measures import CERTIFICATES
from lowland.vocabulary.disagreement_measures import DISAGREEMENT
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.landscape_measures import LANDSCAPE
from lowland.vocabulary.measures import MEASURES, SCORES, SELECTED, SHARES
from lowland.vocabulary.performance_measures import PERFORMANCE
from lowland.vocabulary.response_measures import RESPONSES, SINGLE_BITS
from lowland.vocabulary.worst_case_measures import WORST_CASE

PARTS = (PERFORMANCE, RESPONSES, SINGLE_BITS, LANDSCAPE, CERTIFICATES, DISAGREEMENT, WORST_CASE)


def test_no_name_stands_in_two_files():
    assert len(MEASURES) == 1 + sum(map(len, PARTS))


def test_labels_tell_measures_apart():
    labels = [measure.label for measure in MEASURES.values()]
    assert len(set(labels)) == len(labels)


def test_a_headline_score_has_a_direction_and_holds_under_every_disturbance():
    for name in SCORES:
        assert MEASURES[name].higher_is_better is not None
        assert MEASURES[name].of_task
        assert set(MEASURES[name].families) == {"performance", *DISTURBANCES}
    assert set(SHARES) <= set(SCORES)


def test_selected_measures_are_those_of_selected_cells():
    assert {"worst_flip_drop", "linear_barrier", *CERTIFICATES} <= SELECTED
    assert not SELECTED & {"accuracy", "hessian_trace"}
