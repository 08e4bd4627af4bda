"""Rated texts of three columns, and what files can have wrong."""

import pytest

from lowland.errors import LowlandError
from lowland.tasks.text.files import read_ratings


def test_texts_ratings_and_documents_are_read(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_bytes("1_1\t-0.9\tNo picture.\r\n1_2\t2\t A fine caf\u00e9 \r\n12_1\t0\tsold\r\n".encode())
    found = read_ratings(path, has_documents=True)
    assert found["document"].tolist() == [1, 1, 12]
    assert found["rating"].tolist() == [-0.9, 2.0, 0.0]
    assert found["text"].tolist() == ["No picture.", "A fine caf\u00e9", "sold"]


def test_without_documents_every_line_is_one(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("7\t1\ta\n7\t1\tb\n")
    assert read_ratings(path, has_documents=False)["document"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "the file is empty; expected lines of number, rating and text between tabs"),
        (b"1\t2\tgood\n2\t1\n", "line 2 has 2 columns; expected number, rating and text"),
        (b"1\tliked\tgood\n", "line 1 has the rating 'liked'; expected a number from -4 to 4"),
        (b"1\t4.5\tgood\n", "line 1 has the rating '4.5'; expected a number from -4 to 4"),
        (b"1\tnan\tgood\n", "line 1 has the rating 'nan'"),
        (b"one\t1\tgood\n", "line 1 begins with 'one'; expected a number, such as 12 or 12_3"),
        (b"1\t1\tgood \xff\n", "cannot be read .*; expected a text file in UTF-8"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where(tmp_path, content, message):
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    with pytest.raises(LowlandError, match=message) as caught:
        read_ratings(path, has_documents=True)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LowlandError, match="the file is missing; expected lines of"):
        read_ratings(tmp_path / "none.txt", has_documents=False)
