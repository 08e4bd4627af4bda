import math

import h5py
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from lowland.architectures import build_network
from lowland.errors import LowlandError
from lowland.tasks import ShiftedSet, Splits, build_task
from lowland.tasks.fusion import FusionOptions
from lowland.tasks.fusion.frames import PIXELS

OPTIONS = FusionOptions(
    kind="fusion",
    source="simulated",
    train_rows=120,
    validation_rows=30,
    landscape_rows=30,
    test_rows=60,
    shifted_rows=20,
    amplitude_unit=10.0,
)


@pytest.fixture(scope="module")
def raw():
    return build_task(OPTIONS).fetch()


def test_splits_have_their_sizes_and_share_no_discharge(raw):
    task = build_task(OPTIONS)
    task.check(raw, "simulation")
    splits = task.prepare(raw)
    assert len(splits["train"].inputs) == 120 and len(splits.held_out.samples.inputs) == 60
    assert (
        list(splits.shifted) == [shifted.name for shifted in task.shifted_sets]
        and len(splits.shifted["later_campaign"].samples.inputs) == 20
    )
    corners = raw[PIXELS[:64]].to_numpy(np.float32)
    shot_of = {corner.tobytes(): shot for corner, shot in zip(corners, raw["shot"], strict=True)}
    sets = [rows.inputs for rows in splits.values()]
    shots = [{shot_of[frame.flatten()[:64].numpy().tobytes()] for frame in frames} for frames in sets]
    assert sum(map(len, shots)) == len(set.union(*shots))


def test_frames_and_modes_are_what_the_network_reads(raw):
    splits = build_task(OPTIONS).prepare(raw)
    frames, modes = splits.held_out.samples
    assert frames.shape == (60, 1, 32, 32) and modes.shape == (60, 2)
    assert frames.dtype == modes.dtype == torch.float32 and frames.min() >= 0 and frames.max() <= 1
    amplitude = raw["amplitude"].to_numpy()
    assert all(np.abs(amplitude - float(mode.norm())).min() < 1e-4 for mode in modes[:10])
    assert torch.equal(splits.zero, torch.zeros(1, 32, 32))
    again = Splits.from_tensors(splits.to_tensors())
    assert torch.equal(again.held_out.samples.inputs, frames)


def test_copies_of_a_frame_stay_together(raw):
    nominal = raw[raw["set"] == "nominal"].head(200).copy()
    nominal.loc[nominal.index[-50:], PIXELS] = nominal.loc[nominal.index[:50], PIXELS].to_numpy()
    sizes = {"train_rows": 100, "validation_rows": 10, "landscape_rows": 20, "test_rows": 70}
    chosen = build_task(OPTIONS.model_copy(update=sizes))._chosen(nominal)
    corners = nominal[PIXELS[:40]].to_numpy()
    owners = {name: {corners[row].tobytes() for row in rows} for name, rows in chosen.items()}
    names = [name for name, rows in owners.items() if rows]
    assert not any(owners[a] & owners[b] for a in names for b in names if a < b)


def test_blank_frames_tie_no_discharges(raw):
    nominal = raw[raw["set"] == "nominal"].copy()
    nominal.loc[nominal.groupby("shot").head(1).index, PIXELS] = 0.25
    chosen = build_task(OPTIONS)._chosen(nominal)
    shots = [set(nominal["shot"].iloc[rows]) for rows in chosen.values()]
    assert [len(rows) for rows in chosen.values()] == [120, 30, 30, 60]
    assert sum(map(len, shots)) == len(set.union(*shots))


def test_the_network_is_the_published_one():
    network = build_network(build_task(OPTIONS).network_spec())
    shapes = [tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight")]
    assert shapes == [(16, 1, 3, 3), (16, 16, 3, 3), (24, 16, 3, 3), (42, 96), (64, 42), (2, 64)]
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds[:4] == ["Conv2d", "ReLU", "MaxPool2d", "Conv2d"] and kinds[9] == "Flatten"
    assert network(torch.zeros(5, 1, 32, 32)).shape == (5, 2)


def test_the_description_says_what_errors_are_in():
    assert "errors in gauss" in build_task(OPTIONS).description
    file = OPTIONS.model_copy(update={"source": "file", "path": "frames.h5"})
    assert "errors in the unit of the labels" in build_task(file).description


def test_losses_are_squared_errors_in_amplitude_units_and_scores_lengths_in_gauss():
    task = build_task(OPTIONS)
    targets = torch.tensor([[30.0, 40.0], [0.0, 10.0]])
    outputs = torch.tensor([[3.0, 4.0], [1.0, 1.0]])
    assert task.sample_losses(outputs, targets).tolist() == [0.0, 0.5]
    assert float(task.loss(outputs, targets)) == pytest.approx(0.25)
    assert task.sample_scores(outputs, targets).tolist() == [0.0, 10.0]
    assert task.guess_score(targets) == pytest.approx(math.hypot(15, 15))
    assert task.decisions(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, math.nan]])).tolist() == [0, 9, -1]
    assert not task.higher_is_better and not task.is_classifier


def test_outputs_that_are_no_numbers_score_worst():
    task = build_task(OPTIONS)
    targets = torch.tensor([[0.0, 10.0]]).repeat(3, 1)
    outputs = torch.tensor([[math.nan, 0.0], [0.0, math.inf], [0.0, -1e9]])
    assert task.sample_scores(outputs, targets).tolist() == [70.0, 70.0, 70.0]
    details = task.details(outputs, targets)
    assert details["phase_error"].value == 180.0 and details["amplitude_error"].value == 50.0


def test_pictures_have_a_black_and_a_white():
    """Corruptions of pictures need to know both."""
    task = build_task(OPTIONS)
    assert task.input_kind == "image" and all(math.isfinite(end) for end in task.readings.limits)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"source": "file"}, "path is None with source file; expected the HDF5 file of source file"),
        ({"path": "x.h5"}, "path is x.h5 with source simulated"),
        ({"shifted": ["later"]}, r"shifted is \['later'\]; expected it with source file only"),
        ({"source": "file", "path": "x.h5", "shifted": ["a", "a"]}, "expected different names other than nominal"),
        (
            {"source": "file", "path": "x.h5", "shifted": ["fog"]},
            "a group 'fog', which is fog in every study; expected another name: rename the group, say to 'fog_data'",
        ),
        ({"phase_limits": [30, 3]}, "phase_limits are .*; expected the smaller first"),
        ({"largest_amplitude": 20}, r"none above largest_amplitude \(20\)"),
    ],
)
def test_options_that_contradict_each_other_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        FusionOptions.model_validate(OPTIONS.model_dump() | change)


def test_a_table_that_is_too_small_is_refused(raw):
    task = build_task(OPTIONS)
    few = raw[(raw["set"] != "nominal") | (raw["shot"] < 2)]
    with pytest.raises(LowlandError, match=r"100 frames of 2 discharges leave 0 for validation_rows; at least 2 "):
        task.check(few, "toy")
    with pytest.raises(LowlandError, match="no frames of the set 'moved_surface'"):
        task.check(raw[raw["set"] != "moved_surface"], "toy")
    with pytest.raises(LowlandError, match="all pixels of all frames are equal; expected pictures"):
        task.check(raw.assign(**dict.fromkeys(PIXELS, 0.5)), "toy")
    dark = raw.copy()
    dark[PIXELS] -= 2.0
    with pytest.raises(LowlandError, match="no pixel of the training frames is above 0"):
        task.check(dark, "toy")


def test_a_users_file_becomes_splits_between_black_and_white(tmp_path):
    path, source = tmp_path / "frames.h5", np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for group, count in ((file, 100), (file.create_group("later"), 10)):
            group["frames"] = source.integers(0, 1000, (count, 48, 48)).astype(np.uint16)
            group["amplitude"], group["phase"] = source.uniform(1, 20, count), source.uniform(-3, 3, count)
    options = OPTIONS.model_copy(update={"source": "file", "path": path, "shifted": ("later",)})
    task = build_task(options)
    assert task.sources == (path,) and task.shifted_sets == (ShiftedSet.named("later"),) and task.provenance == "made"
    table = task.fetch()
    task.check(table, str(path))
    splits = task.prepare(table)
    assert float(splits["train"].inputs.max()) == 1.0 and len(splits.shifted["later"].samples.inputs) == 10
    white = build_task(options.model_copy(update={"white": 2000.0})).prepare(table)
    assert float(white["train"].inputs.max()) < 0.5
