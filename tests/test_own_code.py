import pytest

from lowland.own_code import (
    OwnCodeError,
    call_own,
    custom_spec,
    digest_of,
    folder_of,
    in_own_code,
    own_object,
    path_of,
)


def build(inputs, outputs, *, width=3):
    return inputs, outputs, width


HERE = "tests.test_own_code:build"


def test_an_object_is_found_by_the_path_that_it_has():
    assert path_of(build) == HERE and own_object(HERE) is build


def test_what_no_other_process_could_find_is_refused():
    def inner():
        pass

    for thing in (inner, lambda: None, 3):
        with pytest.raises(OwnCodeError, match="cannot be found by its name; expected a function or class at the top"):
            path_of(thing)


@pytest.mark.parametrize(
    "path, message",
    [
        (
            "nets.build",
            "'nets.build' is no dotted path; expected package.module:Name, such as",
        ),
        ("theirs:", "'theirs:' is no dotted path"),
        ("no_such.nets:build", "there is no package no_such; expected it in src/ of the project, or installed"),
        ("theirs.net:build", "there is no module theirs.net; expected it at src/theirs/net.py of the project"),
        ("theirs.nets:biuld", "theirs.nets has no biuld; did you mean build?"),
        (
            "theirs.lacks:build",
            "theirs.lacks cannot be imported: ModuleNotFoundError: No module named 'no_such_part'",
        ),
        ("theirs.typo:build", "theirs.typo cannot be imported: SyntaxError: invalid syntax ("),
        ("theirs.fails:build", "theirs.fails cannot be imported: ZeroDivisionError: division by zero ("),
    ],
)
def test_what_is_missing_or_fails_is_one_line(package, path, message):
    package.write("theirs.nets", "def build(inputs, outputs): pass\n")
    package.write("theirs.lacks", "import no_such_part\n")
    package.write("theirs.typo", "def build(:\n")
    package.write("theirs.fails", "x = 1\ny = x / 0\n")
    with pytest.raises(OwnCodeError) as error:
        own_object(path)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not path.startswith("theirs.fails") or "fails.py, line 2)" in str(error.value)


def test_a_call_is_checked_against_what_is_taken():
    assert call_own(HERE, ((4,), 2), {"width": 5}, given="") == ((4,), 2, 5)
    with pytest.raises(OwnCodeError, match=r"build takes \(inputs, outputs, \*, width=3\): .*'widht'"):
        call_own(HERE, ((4,), 2), {"widht": 5}, given="")


def test_what_a_call_raises_names_the_line(package):
    package.write("theirs", "def build(inputs):\n    return 1 / len(inputs)\n")
    with pytest.raises(OwnCodeError, match=r"theirs:build fails with nothing: ZeroDivisionError: .*theirs.py, line 2"):
        call_own("theirs:build", ((),), {}, given="nothing")


def test_only_what_is_no_message_yet_becomes_one():
    with pytest.raises(OwnCodeError, match=r"^reading fails: KeyError: 'a'"), in_own_code("reading"):
        {}["a"]
    with pytest.raises(OwnCodeError, match=r"^as it is$"), in_own_code("reading"):
        raise OwnCodeError("as it is")


def test_the_digest_is_of_the_whole_package_and_of_nothing_else(package):
    package.write("theirs.__init__", "")
    package.write("theirs.nets", "a = 1\n")
    package.write("other", "b = 1\n")
    before = digest_of(["theirs.nets:a"])
    assert folder_of("theirs.nets:a").name == "theirs" and folder_of("other:b").name == "other.py"
    assert digest_of([]) == "" and digest_of(["theirs.nets:a", "theirs:b"]) == before
    package.write("other", "b = 2\n")
    assert digest_of(["theirs.nets:a"]) == before
    package.write("theirs.helpers", "c = 1\n")
    after = digest_of(["theirs.nets:a"])
    package.write("theirs.helpers", "c = 2\n")
    assert len({before, after, digest_of(["theirs.nets:a"])}) == 3
    assert digest_of(["other:b"]) not in (before, after)
    with pytest.raises(OwnCodeError, match="there is no package no_such"):
        digest_of(["no_such:b"])


def test_a_spec_holds_plain_values_only():
    spec = custom_spec(build, inputs=(3, 8), outputs=2, width=4)
    assert spec == {"kind": "custom", "build": HERE, "inputs": [3, 8], "outputs": 2, "options": {"width": 4}}
    assert custom_spec(HERE, inputs=(3, 8), outputs=2, build=1)["options"] == {"build": 1}  # whatever they are called
