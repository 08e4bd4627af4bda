"""Whether anything warns of the worst policy, in words and as rows."""

import pandas as pd

from lowland.report.sentences.warnings import combined, sign_label, warning_rows, warning_sentence

NAN = float("nan")
SIGNS = {
    "highest_crest": (0.3, 0.5),
    "largest_layer_drop": (0.9, 0.0001),
    "hessian_trace": (-0.6, 0.03),
    "loss": (NAN, NAN),
}


def table(*, recipes=9, descriptive=False, chances=None):
    rows = [
        {
            "task": "jets",
            "precision": precision,
            "predictor": name,
            "value": value,
            "low": value - 0.1,
            "high": value + 0.1,
            "family_chance": chance if chances is None else chances,
            "without_accuracy": value / 2,
            "num_recipes": recipes,
            "descriptive": descriptive,
            "status": "ok" if value == value else "undefined",
        }
        for precision in ("", "fp32")
        for name, (value, chance) in SIGNS.items()
    ]
    return pd.DataFrame(rows)


def test_signs_over_all_precisions_come_strongest_first():
    signs = combined(table())
    assert signs.predictor.tolist() == ["largest_layer_drop", "hessian_trace", "highest_crest"]
    assert combined(pd.DataFrame()).empty


def test_only_what_is_sure_after_correction_is_called_a_warning():
    told = warning_sentence(combined(table()))
    assert told.startswith("At equal accuracy 2 of 3 signs surely go along")
    assert (
        "most lost through one layer (+0.90) and" in told and "(\N{MINUS SIGN}0.60)" in told and "highest" not in told
    )
    assert warning_sentence(combined(table(chances=0.2))).startswith("No: at equal accuracy none of 3 signs")
    one = table()
    one.loc[one.predictor == "hessian_trace", "family_chance"] = 0.2
    assert "1 of 3 signs surely goes along" in warning_sentence(combined(one))


def test_few_recipes_say_nothing_of_others():
    told = warning_sentence(combined(table(recipes=2, descriptive=True)))
    assert told.startswith("Of 2 recipes nothing sure can be said")
    assert warning_sentence(combined(pd.DataFrame())) == ""


def test_rows_have_interval_and_corrected_chance():
    first, second, _ = warning_rows(combined(table()))
    assert first == {
        "sign": "most lost through one layer",
        "value": "+0.90",
        "interval": "+0.80 to +1.00",
        "chance": "< 0.001",
        "alone": "+0.45",
    }
    assert second["chance"] == "0.03" and sign_label("hessian_trace") != "hessian_trace"
    bare = combined(table()).assign(low=NAN, high=NAN, family_chance=NAN)
    assert warning_rows(bare)[0]["interval"] == warning_rows(bare)[0]["chance"] == ""
