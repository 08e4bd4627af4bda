"""Every sentence says never, of which rows and words, and rounds down what is proved."""

from lowland.analysis.certificates import certified_cells
from lowland.report.sentences.certificates import bound_text, certificate_sentences, share_text
from tests.made_study.certificates import certificates


def test_proved_shares_are_rounded_down():
    assert [share_text(share) for share in (1.0, 0.9999, 0.646, 0.05, 0.0)] == [
        "100 %",
        "99.9 %",
        "64.6 %",
        "5 %",
        "0 %",
    ]


def test_bounds_are_rounded_to_the_side_on_which_they_hold():
    assert [bound_text(value, up=True) for value in (0.1201, 0.12, 3.01, 0.0)] == ["0.13", "0.12", "3.1", "0"]
    assert [bound_text(value, up=False) for value in (0.1299, 0.12, 2.99)] == ["0.12", "0.12", "2.9"]


def test_what_needs_no_protection_is_said_so():
    table = certificates(recipes=("plain",))
    table.loc[table.measure == "protection_bits", "value"] = 0.0
    (*_, deployed) = certified_cells(table)
    told = certificate_sentences(deployed, 1000)[1]
    assert told == "Without any protection, no single flip ever changes 95 % of the 400 landscape rows."


def test_sentences_name_words_rows_and_arithmetic():
    floats, deployed = certified_cells(certificates(recipes=("plain",)))
    upsets, protection, flips, noise, deviation = certificate_sentences(deployed, 1000)
    assert upsets == (
        "A flip of any one of the 1,000 bits that store its weights and biases (two's complement) never changes the "
        "class of 64.6 % of 500 test rows in integer arithmetic; 12 % with scales and tables among the words and 50 % "
        "with each activation code of an inference among them, too. Of unseen rows these are at least 60.2 % (95 % "
        "interval)."
    )
    assert "20 of these bits (2 % of them) triplicated" in protection and "fewer than 18 never do" in protection
    assert "400 landscape rows" in protection and protection.endswith("of the test rows it is then 93 %.")
    assert "flipped with probability 10⁻³, anew for every row, 350 of 500 test rows were right" in flips
    assert "a probability of at least 65.7 %" in flips
    assert "never" in noise and "50 test rows" in noise and "integer arithmetic" in noise
    assert "never further than 0.5" in deviation and "0.25 is reached" in deviation
    rounding, confidence = certificate_sentences(floats)
    assert "never changes the class of 99.9 % at 12 bits and 23.1 % at 8 bits, of 500 test rows" in rounding
    assert "in real arithmetic" in rounding
    assert confidence.endswith("by more than 0.012 at 12 bits.")  # 1 at 8 bits says nothing


def test_what_holds_for_all_rows_or_none_is_said_in_words():
    table = certificates(recipes=("plain",))
    table.loc[table.measure.isin(["certified_share", "noise_safe_share", "upset_safe_share"]), "value"] = 1.0
    table.loc[table.target == "weights+biases+activations", "value"] = 0.0
    floats, deployed = certified_cells(table)
    assert "of any of 500 test rows at 8 bits or more; in real" in certificate_sentences(floats)[0]
    upsets, *_, noise, _ = certificate_sentences(deployed)
    assert "never changes the class of any of 500 test rows in integer arithmetic; all with scales" in upsets
    assert "none with each activation code" in upsets
    assert noise.endswith("integer arithmetic of any of 50 test rows at up to 1.")


def test_nothing_proved_nothing_said():
    table = certificates(recipes=("plain",))
    assert certificate_sentences(certified_cells(table[table.measure == "certified_share_at_most"])[0]) == []
