"""Which ranking finds the harmful bits, in a sentence."""

import numpy as np

from lowland.analysis.rankings import ranking_verdicts
from lowland.report.sentences.rankings import ranking_sentence


def test_the_best_with_the_ceiling_and_what_ties(faulty):
    assert ranking_sentence(ranking_verdicts(faulty)[0]) == (
        "Of the 10 worst flips, matched curvature finds 90 % (the map itself, made on other rows: 95 %)."
    )
    close = faulty.copy()
    rows = (close.measure == "ranking_recall") & (close.condition == "first_order")
    close.loc[rows, "value"] = np.where(close.recipe[rows] == "plain", 0.95, 0.8)
    sentence = ranking_sentence(ranking_verdicts(close)[0])
    assert "(the map itself, made on other rows: 95 %); first-order Taylor (88 %) cannot be told from it." in sentence


def test_without_a_ceiling_none_is_named(faulty):
    bare = faulty[faulty.condition != "truth_elsewhere"]
    assert ranking_sentence(ranking_verdicts(bare)[0]) == "Of the 10 worst flips, matched curvature finds 90 %."
