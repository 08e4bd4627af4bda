"""Controls are told from what they were compared with, and what hardly codes weights from sizes."""

import pandas as pd
import pytest

from lowland.analysis.precision_roles import coded_shares, control_precisions, hardly_coded
from tests.made_study.answers import answers


def with_controls():
    """The rows of a study with a float control and one that is quantized."""
    rows = answers()
    deployed = rows[(rows.precision == "ptq4") & (rows.reference_kind == "float")]
    return pd.concat(
        [
            rows,
            deployed.assign(precision="fp32_tuned", method="float", weight_bits=32, activation_bits=32),
            deployed.assign(precision="ptq4_tuned"),
            deployed.assign(precision="ptq4_tuned", reference_kind="fake_float"),
            rows[(rows.precision == "qat4") & (rows.reference_kind == "float")].assign(reference_kind="fake_float"),
        ]
    )


def sizes(**bits):
    """Rows of sizes by precision, of a network with 1,000 weights."""
    row = answers().iloc[[0]].assign(family="cost", measure="size", reference="", reference_kind="", status="ok")
    known = {"fp32": "float", "ptq4": "ptq", "weights_8": "weight_only"}
    widths = {"fp32": 32, "ptq4": 4, "weights_8": 8}
    return pd.concat(
        [
            row.assign(precision=name, method=known[name], weight_bits=widths[name], value=float(value))
            for name, value in bits.items()
        ]
    )


def test_a_control_is_known_by_what_it_is_compared_with():
    assert control_precisions(answers()) == frozenset()
    assert control_precisions(with_controls()) == {"fp32_tuned", "ptq4_tuned"}


def test_a_declared_control_needs_no_comparison():
    declared = {"ptq4": {"method": "ptq"}, "ptq4_mine": {"method": "ptq", "fine_tuned": True}}
    assert control_precisions(answers(), declared) == {"ptq4_mine"}


def test_the_coded_share_is_solved_from_sizes():
    rows = sizes(fp32=32000, ptq4=4000, weights_8=0.02 * 8000 + 0.98 * 32000)
    assert coded_shares(rows) == {"ptq4": pytest.approx(1.0), "weights_8": pytest.approx(0.02)}
    assert hardly_coded(rows) == {"weights_8": pytest.approx(0.02)}
    assert coded_shares(rows[rows.precision != "fp32"]) == {} and hardly_coded(answers()) == {}
