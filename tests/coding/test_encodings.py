import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.coding.encodings import ENCODINGS, encoding_of
from lowland.errors import LowlandError
from tests.oracles import flipped


def every_code(encoding, bits):
    return torch.arange(encoding.lowest(bits), 2 ** (bits - 1))


@pytest.mark.parametrize("bits", [1, 2, 3, 8, 12])
@pytest.mark.parametrize("name", ENCODINGS)
def test_words_are_distinct_and_give_the_codes_back(name, bits):
    encoding = ENCODINGS[name]
    codes = every_code(encoding, bits)
    words = encoding.encode(codes, bits)
    assert len(words.unique()) == len(codes)
    assert 0 <= int(words.min()) <= int(words.max()) < 2**bits
    assert torch.equal(encoding.decode(words, bits), codes)


@pytest.mark.parametrize("bits", [1, 2, 5, 16])
def test_changes_in_twos_complement_are_those_of_the_words(bits):
    codes = every_code(ENCODINGS["twos_complement"], bits)
    changes = ENCODINGS["twos_complement"].changes(codes, bits)
    sample = range(0, len(codes), max(1, len(codes) // 64))
    assert all(codes[i] + changes[i, b] == flipped(int(codes[i]), b, bits) for i in sample for b in range(bits))


@given(st.sampled_from(list(ENCODINGS)), st.integers(2, 16), st.data())
def test_several_bits_of_a_word_flip_together(name, bits, data):
    code = data.draw(st.integers(1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1))
    places = data.draw(st.lists(st.integers(0, bits - 1), unique=True))
    mask = torch.tensor([sum(1 << place for place in places)])
    assert ENCODINGS[name].flipped(torch.tensor([code]), mask, bits).tolist() == [flipped(code, places, bits, name)]


def test_a_sign_outlives_a_magnitude_of_zero():
    """One by one through the codes, -1 would become 0 and then +2: the word keeps its sign."""
    assert ENCODINGS["sign_magnitude"].flipped(torch.tensor([-1]), torch.tensor([0b11]), 3).tolist() == [-2]


@given(st.integers(2, 16), st.data())
def test_sizes_of_changes(bits, data):
    code = data.draw(st.integers(1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1))
    places = 2 ** torch.arange(bits)
    for name in ("twos_complement", "offset_binary"):
        assert torch.equal(ENCODINGS[name].changes(torch.tensor(code), bits).abs(), places)
    changes = ENCODINGS["sign_magnitude"].changes(torch.tensor(code), bits)
    assert torch.equal(changes[:-1].abs(), places[:-1])
    assert int(changes[-1]) == -2 * code  # the sign


def test_sign_magnitude_has_no_lowest_code_of_twos_complement():
    with pytest.raises(LowlandError, match=r"codes of 'w' reach from -8 to 1; expected -7 to 7 in 4 bits of sign_mag"):
        ENCODINGS["sign_magnitude"].check(torch.tensor([-8, 1]), 4, name="w")
    ENCODINGS["twos_complement"].check(torch.tensor([-8, 1]), 4, name="w")


def test_an_unknown_encoding_is_one_line():
    with pytest.raises(LowlandError, match="encoding: got 'gray'; expected one of twos_complement, sign_magnitude, of"):
        encoding_of("gray")


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("name", ENCODINGS)
def test_changes_by_upsets_are_those_of_adjacent_bits(name, length):
    encoding, bits = ENCODINGS[name], 5
    codes = every_code(encoding, bits)
    changes = encoding.changes(codes, bits, length=length)
    assert changes.shape == (len(codes), bits - length + 1)
    for code, own in zip(codes.tolist(), changes.tolist(), strict=True):
        for lowest, change in enumerate(own):
            assert code + change == flipped(code, range(lowest, lowest + length), bits, name)
