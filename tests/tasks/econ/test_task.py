from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from lowland.architectures import initialised_network
from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.tasks import Splits, TaskOptions, build_task
from lowland.tasks.econ import Econ, EconOptions
from lowland.tasks.econ.hgcal import PIXEL_OF_CELL, VALID_PIXEL, cell_distances
from lowland.tasks.econ.wafers import CHARGES
from tests.real_data import real


def names(task):
    return [shifted.name for shifted in task.shifted_sets]


SIZES = {"train_rows": 120, "validation_rows": 20, "landscape_rows": 20, "test_rows": 40, "shifted_rows": 30}
OPTIONS = EconOptions(kind="econ", source="simulated", filters=8, latent=16, **SIZES)


def wafers(rows, seed=0):
    random = np.random.default_rng(seed)
    charges = random.integers(1, 400, (rows, 48)) * (random.random((rows, 48)) < 0.4)
    charges[:, 3] += 1
    return pd.DataFrame(charges, columns=list(CHARGES))


@pytest.fixture(scope="module")
def simulated():
    return build_task(OPTIONS).fetch()


@pytest.fixture
def files(tmp_path):
    wafers(240).to_csv(tmp_path / "nominal.csv", index=False)
    wafers(50, seed=1).to_csv(tmp_path / "other.csv", index=False)
    return EconOptions(
        **OPTIONS.model_dump() | {"source": "file", "path": tmp_path / "nominal.csv"},
    ).model_copy(update={"shifted": {"other": tmp_path / "other.csv"}})


def test_simulated_wafers_become_images_and_charges(simulated):
    task = build_task(OPTIONS)
    task.check(simulated, "econ.parquet")
    splits = task.prepare(simulated)
    assert names(task) == ["electron", "ttbar", "jets", "high_occupancy"] == list(splits.shifted)
    assert splits["train"].inputs.shape == (120, 1, 8, 8) and splits["train"].targets.shape == (120, 48)
    assert torch.equal(splits.zero, torch.zeros(1, 8, 8))
    for rows in (splits["train"], splits.shifted["electron"].samples):
        assert torch.equal(rows.inputs.flatten(1)[:, torch.tensor(PIXEL_OF_CELL)], rows.targets)
        assert not rows.inputs.flatten(1)[:, torch.tensor(~VALID_PIXEL)].any()
        assert ((rows.targets.sum(1) >= 1) & (rows.targets.sum(1) < 2)).all()
    assert all(len(held.samples.inputs) == 30 for held in splits.shifted.values())
    again = Splits.from_tensors(splits.to_tensors())
    assert torch.equal(again.shifted["jets"].samples.inputs, splits.shifted["jets"].samples.inputs)


def test_files_that_may_be_absent_are_read_where_they_are(files, tmp_path):
    there = Econ(OPTIONS.model_copy(update={"source": "auto", "path": tmp_path / "nominal.csv"}))
    absent = Econ(OPTIONS.model_copy(update={"source": "auto", "path": tmp_path / "nowhere.csv"}))
    assert there.sources == (tmp_path / "nominal.csv",) and "wafers from nominal.csv" in there.description
    assert absent.sources == () and "simulated wafers" in absent.description
    assert names(absent) == ["electron", "ttbar", "jets", "high_occupancy"] and there.shifted_sets == ()


def test_what_auto_means_is_decided_once_and_from_the_project(files, tmp_path, monkeypatch):
    asked = OPTIONS.model_copy(update={"source": "auto", "path": Path("nominal.csv")})
    there = asked.resolved(tmp_path)
    assert (there.source, there.path) == ("file", tmp_path / "nominal.csv")
    absent = asked.model_copy(update={"path": Path("nowhere.csv"), "shifted": {"x": Path("x.csv")}}).resolved(tmp_path)
    assert absent == OPTIONS and EconOptions.model_validate(absent.model_dump(mode="json")) == OPTIONS
    monkeypatch.chdir(tmp_path)
    assert asked.resolved(tmp_path).path == Path("nominal.csv") and OPTIONS.resolved(tmp_path) == OPTIONS


def test_files_are_read_and_named_as_sources(files, tmp_path):
    task = build_task(TaskOptions.model_validate(files.model_dump()))
    assert task.sources == (tmp_path / "nominal.csv", tmp_path / "other.csv") and task.provenance == "made"
    raw = task.fetch()
    task.check(raw, "econ.parquet")
    splits = task.prepare(raw)
    assert len(splits["train"].inputs) == 120 and tuple(splits.shifted) == ("other",)


def test_a_directory_names_all_its_files(files, tmp_path):
    task = build_task(files.model_copy(update={"path": tmp_path, "shifted": {}}))
    assert [path.name for path in task.sources] == ["nominal.csv", "other.csv"] and len(task.fetch()) == 290


def test_empty_wafers_are_dropped_and_equal_images_stay_in_one_set(files):
    frame = wafers(60)
    doubled = frame * 2  # the same image
    raw = pd.concat([frame, doubled, frame * 0, frame], ignore_index=True).assign(set="nominal")
    task = build_task(files.model_copy(update={"shifted": {}}))
    task.check(raw, "econ.parquet")
    splits = task.prepare(raw)
    sets = [{row.numpy().tobytes() for row in rows.targets} for rows in splits.values()]
    assert sum(map(len, sets)) == len(set().union(*sets)) == 60
    rows = [len(rows.targets) for rows in splits.values()]
    assert sum(rows) == 180 and all(
        abs(n - 180 * size / 200) <= 3 for n, size in zip(rows, (120, 20, 20, 20, 20), strict=True)
    )


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: f.drop(columns="set"), "column 'set' is missing"),
        (lambda f: f.drop(columns="CALQ_7"), "column 'CALQ_7' is missing"),
        (lambda f: f.assign(CALQ_7=-1), r"set 'nominal'\): 200 negative charges"),
        (lambda f: f[f.set != "jets"], r"set 'jets'\): all 0 wafers are empty"),
        (lambda f: f.groupby("set").head(12), "12 nominal rows leave 1 for validation_rows"),
        (lambda f: f.groupby("set").head(1), r"1 wafers with charge; expected at least 4"),
        (
            lambda f: f.assign(**{c: 5 for c in CHARGES}),
            "0 wafers are left for .*_rows because equal ones stay in one set",
        ),
    ],
)
def test_damaged_tables_are_refused_in_one_line(simulated, damage, message):
    with pytest.raises(LowlandError, match=message) as caught:
        build_task(OPTIONS).check(damage(simulated), "econ.parquet")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("econ.parquet")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"source": "file"}, "expected a path with 'file'"),
        ({"path": "somewhere"}, "path is somewhere with source 'simulated'"),
        ({"shifted": {"jets": "jets.csv"}}, "it simulates its shifted sets"),
        ({"source": "file", "path": "a", "shifted": {"nominal": "b"}}, "expected another name"),
        (
            {"source": "file", "path": "a", "shifted": {"gaussian": "b"}},
            "a set 'gaussian', which is Gaussian noise in every study; expected another name: rename the set, say to",
        ),
        ({"source": "file", "path": "a", "shifted": {"Two words": "b"}}, "pattern"),
        ({"source": "geant"}, "'file', 'simulated' or 'auto'"),
    ],
)
def test_options_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        EconOptions.model_validate(OPTIONS.model_dump() | change)


def test_loss_is_the_mean_of_the_rows_and_nothing_for_the_truth():
    task, source = build_task(OPTIONS), torch.Generator().manual_seed(0)
    outputs, targets = torch.rand(6, 64, generator=source), torch.rand(6, 48, generator=source)
    torch.testing.assert_close(task.loss(outputs, targets), task.sample_losses(outputs, targets).mean())
    outputs[:, torch.tensor(PIXEL_OF_CELL)] = targets
    assert task.loss(outputs, targets) == 0 and task.sample_scores(outputs, targets).max() < 1e-6
    assert torch.equal(task.decisions(outputs), targets.argmax(1))


def test_answers_are_what_the_loss_sees():
    task, outputs = build_task(OPTIONS), torch.rand(3, 64, requires_grad=True)
    (seen,) = torch.autograd.grad(task.loss(outputs, torch.rand(3, 48)), outputs)
    (answered,) = torch.autograd.grad(task.scored_outputs(outputs).sum(), outputs)
    assert torch.equal(seen != 0, answered != 0) and answered.sum() == 3 * 48


def test_scores_go_down_and_rows_without_numbers_are_the_worst():
    task = build_task(OPTIONS)
    targets = torch.zeros(3, 48)
    targets[:, 7] = 1.0
    outputs = torch.full((3, 64), 0.1)
    outputs[1, 5], outputs[2] = float("nan"), 0.0
    scores = task.sample_scores(outputs, targets)
    assert not task.higher_is_better and scores.dtype == torch.float32
    assert scores[1:].tolist() == pytest.approx([cell_distances()[7].max()] * 2) and scores[0] < scores[1]


def test_guessing_names_the_mean_wafer():
    targets = torch.zeros(4, 48)
    targets[:2, 0], targets[2:, 1] = 1.0, 1.5  # two apart, each half of the time
    assert build_task(OPTIONS).guess_score(targets) == pytest.approx(1.0)


def test_the_encoder_is_deployed_and_the_decoder_stays_float(simulated):
    task = build_task(OPTIONS)
    rows = task.prepare(simulated)["train"]
    network = initialised_network(task.network_spec(), key=("econ", 0))
    assert network(rows.inputs).shape == (120, task.num_outputs)
    twin = build_quantized(
        network, Precision(method="ptq", weight_bits=6, activation_bits=6), input_bits=8, float_from=task.float_from
    )
    deployed = freeze(calibrate(twin, rows.inputs))
    assert {name.partition(".")[0] for name in deployed.codes} == {"encoder_0", "encoder_3"}
    assert (deployed(rows.inputs) - twin(rows.inputs)).abs().max() < 1e-5
    assert deployment_check(twin, deployed, rows.inputs)


def test_the_published_network_has_the_published_number_of_weights():
    network = initialised_network(build_task(OPTIONS).network_spec(), key=("econ", 0))
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in network.layers.named_children()}
    assert count == {"encoder": 2144, "decoder": 2833}


def test_the_real_wafers_are_split(tmp_path):
    options = EconOptions(
        **OPTIONS.model_dump(exclude={"source", "path", "shifted"}),
        source="file",
        path=real("hgcal/CALQ_output.csv"),
        shifted={"high_occupancy": real("hgcal/econt_mc_ttbar_testInput.csv")},
    )
    task = build_task(options)
    raw = task.fetch()
    task.check(raw, "econ.parquet")
    splits = task.prepare(raw)
    assert len(raw) == 6050 + 3564 and len(splits["train"].inputs) == 120
    hits = [
        (rows.targets > 0).sum(1).float().mean() for rows in (splits["train"], splits.shifted["high_occupancy"].samples)
    ]
    assert 14 < hits[0] < 23 and hits[1] > 45
