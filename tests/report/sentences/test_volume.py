"""What is lost without a recipe or a way to quantize, in a sentence a cost."""

import pandas as pd

from lowland.analysis.hypervolume import COLUMNS
from lowland.report.sentences.volume import volume_sentences


def changes(*rows):
    about = {"task": "jets", "robustness": "score_flips", "label": "accuracy under flips", "num_seeds": 3}
    return pd.DataFrame([about | row for row in rows], columns=COLUMNS)


QAT = {"cost": "size", "left_out": "qat", "kind": "method", "change": 0.2, "low": 0.1, "high": 0.3}
EMA = {"cost": "size", "left_out": "ema-1", "kind": "recipe", "change": 0.01, "low": -0.02, "high": 0.04}
NONE = {"cost": "bit_operations", "left_out": "ema-1", "kind": "recipe", "change": 0.0, "low": 0.0, "high": 0.0}


def test_the_greatest_losses_are_named():
    assert volume_sentences(changes(EMA, QAT, NONE), "score_flips") == [
        "Of score, size and accuracy under flips together most would be lost without quantization-aware training "
        "(20 %, 10 to 30) and ema-1 (1 %, −2 to 4).",
        "Of score, bit operations and accuracy under flips together nothing would be lost without any one recipe or "
        "way to quantize.",
    ]


def test_one_seed_has_no_interval_and_no_table_no_sentence():
    alone = QAT | {"low": float("nan"), "high": float("nan")}
    assert "training (20 %)." in volume_sentences(changes(alone), "score_flips")[0]
    assert volume_sentences(changes(), "score_flips") == volume_sentences(changes(QAT), None) == []
