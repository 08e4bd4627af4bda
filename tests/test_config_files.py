"""What is wrong with a file of parameters is told with its name and line before anything is read."""

import pytest

from lowland.config_files import check_file, check_names
from lowland.errors import LowlandError


@pytest.fixture
def mine(tmp_path):
    folder = tmp_path / "conf" / "mine"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "content, message",
    [
        (b"seeds: {s0: 0}\n# caf\xe9\n", "conf/mine/x.yml, line 2: byte 0xe9 is no UTF-8; save the file as UTF-8"),
        (
            b"seeds: {s0: 0\ntraining: {}\n",
            "conf/mine/x.yml, line 2, column 9: is no valid YAML (expected ',' or '}', but got ':'); "
            "mend it there or just above",
        ),
        (
            b"seeds:\n\ts0: 1",
            "conf/mine/x.yml, line 2, column 1: is no valid YAML (found character '\\t' that cannot start any token); "
            "mend it there or just above",
        ),
        (b"- a\n", "conf/mine/x.yml: holds no names with values; expected lines such as `seeds: {s0: 0}`"),
        (
            b"a: {b: 1,\n  c: 2, b: 3}",
            "conf/mine/x.yml, line 2: 'b' was said already in line 1; expected every name once",
        ),
        (
            b"- {b: {c: 1, c: 2}}\n".replace(b"- ", b"a: "),
            "conf/mine/x.yml, line 1: 'c' was said already in line 1; expected every name once",
        ),
        (
            b"data: {{folder}}",
            "conf/mine/x.yml, line 1: a name is a list or a mapping; expected plain text, or quotes around {{...}}",
        ),
        (b"a: !x b", "conf/mine/x.yml, line 1: !x is no plain value; expected text, a number, a list or a mapping"),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_one_line(mine, content, message):
    (mine / "x.yml").write_bytes(content)
    with pytest.raises(LowlandError) as caught:
        check_file(mine / "x.yml")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "content",
    [b"", b"# nothing\n", b"\xef\xbb\xbfa: 1\n", b"a: &x {b: 1}\nc: {<<: *x, b: 2}\nd: [*x, *x]\n", b'{"a": 1}'],
)
def test_what_yaml_allows_is_allowed(mine, content):
    (mine / "x.yml").write_bytes(content)
    check_file(mine / "x.yml")


def test_files_of_names_that_nobody_reads_are_named_with_a_better_name(mine):
    for name in ("training.yml", "parameter.yml", "globals.yaml", "parameters.yml", "logging.yml", ".old.yml", "a.md"):
        (mine / name).write_text("a: 1")
    with pytest.raises(LowlandError) as caught:
        check_names(mine, {mine / "parameters.yml"})
    expected = "expected parameters*.yml, globals.yml, catalog*.yml, credentials*.yml or logging.yml: rename it to"
    assert str(caught.value).splitlines() == [
        f"conf/mine/globals.yaml: nobody reads a file of this name; {expected} globals.yml",
        f"conf/mine/parameter.yml: nobody reads a file of this name; {expected} parameters.yml",
        f"conf/mine/training.yml: nobody reads a file of this name; {expected} parameters_training.yml",
    ]
