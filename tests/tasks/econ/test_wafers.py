import numpy as np
import pandas as pd
import pytest

from lowland.errors import LowlandError
from lowland.tasks.econ.hgcal import CELLS, cell_distances
from lowland.tasks.econ.wafers import CHARGES, VALUE_OF_CELL, WORDS, decoded, normalised, read_wafers
from tests.real_data import real

GOOD = pd.DataFrame(np.arange(3 * CELLS).reshape(3, CELLS), columns=list(CHARGES))


def written(tmp_path, frame, name="wafers.csv"):
    path = tmp_path / name
    frame.to_csv(path, index=False)
    return path


def test_charges_are_read_whatever_else_stands_in_the_file(tmp_path):
    path = written(tmp_path, GOOD[list(CHARGES)[::-1]].assign(layer="a"))
    pd.testing.assert_frame_equal(read_wafers(path), GOOD, check_dtype=False)


def test_a_directory_is_read_in_the_order_of_names(tmp_path):
    written(tmp_path, GOOD.iloc[1:], "b.csv")
    written(tmp_path, GOOD.iloc[:1], "a.csv")
    (tmp_path / "notes.txt").write_text("no wafers")
    pd.testing.assert_frame_equal(read_wafers(tmp_path), GOOD, check_dtype=False)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: f.drop(columns=["CALQ_3", "CALQ_9"]), r"column 'CALQ_3' is missing \(2 of 48 are\)"),
        (lambda f: f.assign(CALQ_2=[1, -4, 2]), r"1 negative charges, the first in column 'CALQ_2', row 1 \(-4\)"),
        (lambda f: f.assign(CALQ_2=[1, 2.5, 2]), r"1 non-integer charges, the first in column 'CALQ_2', row 1 \(2.5\)"),
        (
            lambda f: f.assign(CALQ_2=[1, None, 2]),
            r"1 missing or infinite charges, the first in column 'CALQ_2', row 1",
        ),
        (lambda f: f.assign(CALQ_2=["1", "many", "2"]), "column 'CALQ_2' holds .*; expected integers"),
        (lambda f: f * 0, "all 3 wafers are empty"),
        (lambda f: f.iloc[:0], "(all 0 wafers are empty|column 'CALQ_0' holds object)"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, damage, message):
    path = written(tmp_path, damage(GOOD))
    with pytest.raises(LowlandError, match=message) as caught:
        read_wafers(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'CALQ_0,CALQ_1\n1,"2\n', b"\x00\x01"])
def test_an_unparsable_file_is_one_line_that_names_it(tmp_path, content):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(LowlandError, match=r"broken\.csv: ") as caught:
        read_wafers(path)
    assert "\n" not in str(caught.value)


def test_nothing_to_read_is_told(tmp_path):
    with pytest.raises(LowlandError, match="absent: does not exist"):
        read_wafers(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LowlandError, match=r"empty: the directory holds no \.csv file"):
        read_wafers(tmp_path / "empty")


def test_a_directory_with_another_table_names_it_and_says_what_a_directory_is(tmp_path):
    written(tmp_path, GOOD, "a.csv")
    written(tmp_path, pd.DataFrame({"cell": [0], "remapped": [4]}), "map.csv")
    with pytest.raises(
        LowlandError, match=r"map\.csv: column 'CALQ_0' is missing .* read as one set of wafers"
    ) as caught:
        read_wafers(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(LowlandError) as caught:
        read_wafers(tmp_path / "map.csv")
    assert "one set of wafers" not in str(caught.value)


def word(values, header=0xA):
    number = header
    for value in values:
        number = number << 7 | value
    return f"{number:08x}"


def test_a_word_holds_four_floats_most_significant_first():
    # exponent 0: the mantissa; else (8 + mantissa) shifted by the exponent less 1
    first = word([0b0000_101, 0b0001_000, 0b0010_111, 0b1111_111])
    charges = decoded(np.array([[first] + [word([0, 0, 0, 0])] * 11]), "x")[0]
    found = np.empty(CELLS, dtype=int)
    found[VALUE_OF_CELL] = charges
    assert found[:4].tolist() == [5, 8, 30, 15 << 14] and not found[4:].any()


def test_words_are_the_whole_range_of_codes_once():
    values = np.arange(128)
    exponent, mantissa = np.divmod(values, 8)
    expected = np.where(exponent == 0, mantissa, (8.0 + mantissa) * 2.0 ** (exponent - 1))
    codes = np.resize(values, 3 * CELLS).reshape(3, 12, 4)
    charges = decoded(np.array([[word(four) for four in row] for row in codes]), "x")
    assert (charges == expected[codes.reshape(3, CELLS)][:, VALUE_OF_CELL]).all()
    assert (np.diff(expected) > 0).all()


def test_every_value_is_one_cell():
    assert sorted(VALUE_OF_CELL) == list(range(CELLS))


def test_words_are_read_from_files(tmp_path):
    frame = pd.DataFrame([[word([i, 8, 0, 1]) for i in range(12)]], columns=list(WORDS))
    charges = read_wafers(written(tmp_path, frame))
    assert list(charges.columns) == list(CHARGES) and charges.to_numpy().sum() == 12 * 9 + sum(
        (*range(8), 8, 9, 10, 11)
    )


@pytest.mark.parametrize("text", ["9145cb9x", "19145cb96", "-1", ""])
def test_a_word_that_is_none_is_told(tmp_path, text):
    frame = pd.DataFrame([["9145cb96"] * 11 + [text]], columns=list(WORDS))
    with pytest.raises(LowlandError, match=f"a word is {text!r}; expected 32 bits in hex"):
        read_wafers(written(tmp_path, frame))


def test_normalised_wafers_sum_to_one_up_to_two_and_forget_powers_of_two():
    charges = np.random.default_rng(0).integers(0, 5000, (200, CELLS))
    charges[:3] = 0
    charges[:3, 5] = (1, 8, 1023)
    values = normalised(charges)
    assert values.dtype == np.float32
    sums = values.astype(np.float64).sum(1)
    assert sums.min() >= 1 and sums.max() < 2 and values[0, 5] == values[1, 5] == 1
    assert np.array_equal(normalised(4 * charges), values)
    power = 2.0 ** np.floor(np.log2(charges.sum(1)))
    assert np.array_equal(values, (charges / power[:, None]).astype(np.float32))


def test_real_words_decode_to_the_published_arrays_and_lie_where_neighbours_correlate():
    charges = read_wafers(real("hgcal/econt_mc_ttbar_testInput.csv")).to_numpy()
    with np.load(real("hgcal/hgcal_calq.npz")) as arrays:
        assert np.array_equal(charges, arrays["econt_mc_ttbar_rx"][:, VALUE_OF_CELL])
        assert np.array_equal(read_wafers(real("hgcal/CALQ_output.csv")).to_numpy(), arrays["calq_output"])
    distances = cell_distances()
    neighbours, others = (distances > 0) & (distances < 2.1), distances > 2.1
    likeness = np.corrcoef(np.log1p(charges).T)
    assert likeness[neighbours].mean() > 4 * likeness[others].mean()
    as_sent = np.corrcoef(np.log1p(charges[:, np.argsort(VALUE_OF_CELL)]).T)
    assert as_sent[neighbours].mean() < 0.6 * likeness[neighbours].mean()
