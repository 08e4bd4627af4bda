import sys

import h5py
import numpy as np
import pytest

from lowland.errors import LowlandError
from lowland.tasks.fusion.frames import PIXELS, check_frames, read_frames

COUNT = 12


def content(size=40, count=COUNT, dtype=np.uint16):
    source = np.random.default_rng(0)
    return {
        "frames": source.integers(0, 4096, (count, size, size)).astype(dtype),
        "amplitude": source.uniform(1, 20, count),
        "phase": source.uniform(-3, 3, count),
    }


def written(path, parts, **groups):
    with h5py.File(path, "w") as file:
        for target, datasets in [(file, parts), *((file.create_group(name), group) for name, group in groups.items())]:
            for name, values in datasets.items():
                target[name] = values
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "frames.h5"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float16, np.float32, np.float64])
def test_frames_of_any_number_type_are_averaged(path, dtype):
    parts = content(64, dtype=dtype)
    parts["frames"] = (parts["frames"] % 100).astype(dtype)
    table = read_frames(written(path, parts))
    expected = parts["frames"].astype(np.float64).reshape(COUNT, 32, 2, 32, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(table[PIXELS].to_numpy().reshape(COUNT, 32, 32), expected, rtol=1e-3)
    assert set(table["set"]) == {"nominal"} and table["shot"].nunique() == COUNT
    check_frames(table, largest_amplitude=60.0, origin="frames.h5")


def test_targets_stand_for_amplitudes_and_phases(path):
    parts = content()
    amplitude, phase = parts.pop("amplitude"), parts.pop("phase")
    parts["target"] = np.stack([amplitude * np.sin(phase), amplitude * np.cos(phase)], axis=1)
    table = read_frames(written(path, parts))
    np.testing.assert_allclose(table["amplitude"], amplitude)
    np.testing.assert_allclose(table["phase"], phase)


def test_shifted_sets_are_groups_and_shots_are_kept(path):
    parts = content() | {"shot": np.repeat([7, 8], COUNT // 2)}
    table = read_frames(written(path, parts, later=content(count=5)), ("later",))
    assert table.groupby("set").size().to_dict() == {"nominal": COUNT, "later": 5}
    assert table.loc[table.set == "nominal", "shot"].tolist() == [7] * 6 + [8] * 6


def test_frames_without_shots_are_read_with_a_warning(path, caplog):
    read_frames(written(path, content() | {"shot": np.repeat([7, 8], COUNT // 2)}, later=content()), ("later",))
    assert not caplog.text
    read_frames(written(path, content()))
    assert "frames.h5: no dataset 'shot': neighbouring frames of a discharge" in caplog.text


def test_shots_that_keep_nothing_together_or_are_in_two_sets_are_refused(path):
    with pytest.raises(LowlandError, match=r"frames\.h5: dataset 'shot' is different in every frame"):
        read_frames(written(path, content() | {"shot": np.arange(COUNT)}))
    shots = {"shot": np.repeat([7, 8], COUNT // 2)}
    later = content() | {"shot": np.repeat([8, 9], COUNT // 2)}
    with pytest.raises(
        LowlandError, match=r"\(group 'later'\): 1 discharges are in the nominal set too \(first: shot 8\)"
    ):
        read_frames(written(path, content() | shots, later=later), ("later",))


def ragged():
    frames = np.empty(2, object)
    frames[:] = [np.zeros(1024), np.zeros(1600)]
    return frames


def vlen(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=ragged(), dtype=h5py.vlen_dtype(np.float64))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda p: {"frames": None}, r"frames\.h5: dataset 'frames' is missing; the file has amplitude, phase"),
        (lambda p: {"amplitude": None}, r"labels are phase; expected datasets amplitude and phase, or target alone"),
        (lambda p: {"target": np.zeros((COUNT, 2))}, "labels are target, amplitude, phase; expected"),
        (lambda p: {"phase": np.zeros(11)}, r"dataset 'phase' has shape \[11\] for 12 frames; expected \[12\]"),
        (lambda p: {"shot": np.zeros(13)}, r"dataset 'shot' has shape \[13\] for 12 frames"),
        (lambda p: {"frames": p["frames"][:, :, :20]}, r"frames are 40x20 pixels; expected at least 32x32"),
        (
            lambda p: {"frames": p["frames"].reshape(COUNT, -1)},
            r"frames of shape \(12, 1600\); expected numbers",
        ),
        (lambda p: {"frames": p["frames"].astype("S4")}, r"'frames' holds \|S4; expected numbers"),
        (lambda p: {"amplitude": np.full(COUNT, b"x")}, r"'amplitude' holds \|S1; expected numbers"),
        (lambda p: {"frames": p["frames"][:0]}, "dataset 'frames' is empty"),
    ],
)
def test_a_damaged_file_is_one_line(path, change, message):
    parts = content()
    parts |= change(parts)
    written(path, {name: values for name, values in parts.items() if values is not None})
    with pytest.raises(LowlandError, match=message) as caught:
        read_frames(path)
    assert "\n" not in str(caught.value)


def test_frames_of_different_sizes_are_refused(path):
    vlen(path)
    with pytest.raises(LowlandError, match=r"holds frames of different sizes; expected numbers .*, all of one size"):
        read_frames(path)
    with h5py.File(path, "w") as file:
        file["frames/a"], file["frames/b"] = np.zeros((40, 40)), np.zeros((64, 64))
    with pytest.raises(LowlandError, match=r"a group of 2 datasets of shapes \(40, 40\), \(64, 64\); expected one"):
        read_frames(path)
    written(path, content(40), later=content(64))
    with pytest.raises(LowlandError, match=r"\(group 'later'\): frames are 64x64 pixels, the nominal ones 40x40"):
        read_frames(path, ("later",))
    with pytest.raises(LowlandError, match="group 'earlier' is missing; the file has amplitude, frames, later, phase"):
        read_frames(path, ("earlier",))


def test_what_is_no_hdf5_file_is_one_line(path):
    with pytest.raises(LowlandError, match=r"frames\.h5: the file is missing"):
        read_frames(path)
    path.write_text("time,phase\n")
    with pytest.raises(LowlandError, match=r"frames\.h5: cannot be read \(.*\); expected an HDF5 file"):
        read_frames(path)


def test_without_h5py_there_is_one_line(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(LowlandError, match=r"needs the package h5py, .*; pip install -e '\.\[hdf5\]'"):
        read_frames(path)


@pytest.mark.parametrize(
    "column, value, message",
    [
        ("amplitude", -1.0, r"toy: amplitude has 1 values out of range \(first: -1 in frame 3\); expected at least 0"),
        ("amplitude", 61.0, r"first: 61 in frame 3\); expected at most largest_amplitude \(60\)"),
        ("phase", 170.0, r"phase has 1 values out of range .* expected radians within ±2π: are these degrees\?"),
        ("phase", np.nan, "phase has 1 values out of range .* expected a finite number"),
        ("amplitude", np.inf, "amplitude has 1 values out of range .* expected a finite number"),
        (PIXELS[5], np.nan, r"1 frames have pixels that are NaN or infinite \(first: frame 3\)"),
    ],
)
def test_impossible_labels_and_pixels_are_refused(path, column, value, message):
    table = read_frames(written(path, content()))
    table.loc[3, column] = value
    with pytest.raises(LowlandError, match=message) as caught:
        check_frames(table, largest_amplitude=60.0, origin="toy")
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_named(path):
    table = read_frames(written(path, content())).drop(columns=PIXELS[7])
    with pytest.raises(LowlandError, match="toy: column 'pixel_00_07' is missing"):
        check_frames(table, largest_amplitude=60.0, origin="toy")
