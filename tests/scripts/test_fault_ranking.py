"""The benchmark of flipped bits: truths by brute force, predictions by identities, what is there is kept."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.fault_ranking import loader, write
from benchmarks.fault_ranking.cell_map import map_cell, output_error, scattered_mean
from benchmarks.fault_ranking.leaderboard import judged, leaderboard
from benchmarks.fault_ranking.leaderboard import main as print_leaderboard
from benchmarks.fault_ranking.loader import Benchmark
from lowland.datasets.tensors import ModelDataset, TensorsDataset
from lowland.faults.bit_flips import apply_flips
from lowland.faults.flip_sets import Flips
from lowland.faults.ranking import flip_scores
from lowland.landscape.measures.matched import flip_curvature, weight_changes
from lowland.randomness import generator
from lowland.tasks import Splits, TaskOptions, build_task
from scripts import describe_ranking
from scripts.ranking_tables import inside_change, networks_of, rate_rows, verdict
from tests.scripts.flipped_study import TASK, finished_study

CELL = "flowers.plain.s0.ptq4"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("ranking")
    write.write_benchmark(study, out)
    return out


@pytest.fixture(scope="module")
def parts(study):
    """A network, its task, its held-out and its landscape rows."""
    path = study / "06_models/deployed/flowers/plain/s0/ptq4.safetensors"
    splits = Splits.from_tensors(TensorsDataset(filepath=str(next(study.rglob("splits*")))).load().tensors)
    task = build_task(TaskOptions.model_validate(TASK))
    return ModelDataset(filepath=str(path)).load().network, task, splits.held_out.samples, splits["landscape"]


def bits_of(folder, cell=CELL):
    return pd.read_parquet(folder / "maps" / f"{cell}.parquet")


def test_truths_are_those_of_flipping_one_bit_after_the_other(folder, parts):
    network, task, measured, _ = parts
    clean = float(task.loss(network.deployed_outputs(measured.inputs), measured.targets))
    bits = bits_of(folder)
    for row in bits.sample(40, random_state=0).itertuples():
        flip = Flips({str(row.tensor): (torch.tensor([row.element]), torch.tensor([row.bit]))})
        outputs = apply_flips(network, flip).deployed_outputs(measured.inputs)
        assert row.loss_rise == pytest.approx(float(task.loss(outputs, measured.targets)) - clean, abs=1e-6)


def test_means_over_bits_over_rows_and_of_the_network_agree(folder):
    about = Benchmark(folder).cells.set_index(["recipe", "precision"]).loc[("plain", "ptq4")]
    bits, rows = bits_of(folder), pd.read_parquet(folder / "rows" / f"{CELL}.parquet")
    for truth in loader.TRUTHS:
        assert bits[truth].mean() == pytest.approx(rows[truth].mean(), abs=1e-12)
        assert about[truth] == pytest.approx(bits[truth].mean(), abs=1e-12)
    assert about.repaired_share == pytest.approx((bits.loss_rise < 0).mean())
    assert about.num_bits == len(bits) and about.num_rows == len(rows) == 80


def test_the_mean_of_matched_bits_is_matched_curvature(folder, parts):
    network, task, _, known = parts
    about = Benchmark(folder).cells.set_index(["recipe", "precision"]).loc[("plain", "ptq4")]
    expected = flip_curvature(network, task.loss, [(known.inputs, known.targets)])
    assert about.matched_mean == pytest.approx(expected.value, rel=1e-6)


def test_dealing_curvatures_out_inside_tensors_changes_no_mean_and_over_the_network_it_does(folder):
    networks = networks_of(Benchmark(folder))
    assert inside_change(networks) < 1e-12
    scattered = networks.filter(like="scattered_mean_")
    assert scattered.shape[1] == 20 and (scattered.std(axis=1) > 0).all()


def test_over_many_deals_the_network_has_trace_times_mean_squared_flip(parts):
    network, task, _, known = parts
    said = flip_scores(network, task.loss, [(known.inputs, known.targets)], rankings=("first_order", "second_order"))
    changes = weight_changes(network, "twos_complement", ("weights", "biases"))
    curvature = torch.cat([(said["second_order"][name] / c.square())[..., 0].flatten() for name, c in changes])
    squared = torch.cat([c.square().flatten(0, -2).sum(-1) for _, c in changes])
    count = sum(c.numel() for _, c in changes)
    first = torch.cat([values.flatten() for values in said["first_order"].values()]).mean()
    expected = float(first) + float(curvature.mean() * squared.sum()) / count
    deals = [scattered_mean(said, network, generator("deal", number)) for number in range(400)]
    assert np.mean(deals) == pytest.approx(expected, abs=4 * np.std(deals) / 20)


def test_the_output_error_is_that_of_the_jacobian(parts):
    network, _, _, known = parts
    found = output_error(network, known)
    twin = network.dequantized()
    squares = {name: torch.zeros(p.shape, dtype=torch.float64) for name, p in twin.named_parameters()}
    for row in known.inputs:
        for output in range(5):
            twin.zero_grad()
            twin(row[None])[0, output].backward()
            for name, p in twin.named_parameters():
                squares[name] += p.grad.double().square() / len(known.inputs)
    for name, change in weight_changes(network, "twos_complement", ("weights", "biases")):
        assert torch.allclose(found[name], squares[name][..., None] * change.square(), rtol=1e-4)


def test_what_was_measured_is_kept(study, folder, capsys):
    before = {path: path.stat().st_mtime_ns for path in (folder / "maps").iterdir()}
    assert len(write.write_benchmark(study, folder)) == 6
    assert {path: path.stat().st_mtime_ns for path in (folder / "maps").iterdir()} == before
    assert "6 of 6: flowers.ema.s0.ptq4 kept" in capsys.readouterr().out


def test_equal_keys_draw_equal_flips(parts):
    network, task, measured, known = parts
    first, again = (map_cell(network, task, measured=measured, known=known, key=("flowers",)) for _ in range(2))
    assert first.about == again.about and first.rates.equals(again.rates)


def test_networks_that_share_a_lucky_draw_do_not_make_a_ratio_sure():
    """A hundred networks that agree in every draw are as unsure as one."""
    ratios = np.array([0.0, 0.0, 0.0, 6.8])
    names = [{"task": "flowers", "recipe": f"r{i}", "seed": "s0", "precision": "ptq4"} for i in range(100)]

    class Shared:
        tasks = ("flowers",)

        def rates(self, task):
            draws = [
                name | {"bit_error_rate": 0.01, "draw": draw, "loss_rise": 0.01 * (1 + i) * ratio}
                for i, name in enumerate(names)
                for draw, ratio in enumerate(ratios)
            ]
            return pd.DataFrame(draws).assign(task=task)

    own = pd.DataFrame(names).assign(num_bits=10.0, loss_rise=np.arange(1, 101) / 10, matched_mean=np.arange(100.0))
    (row,) = rate_rows(Shared(), own)
    half = 3.182446 * ratios.std(ddof=1) / 2  # Student's quantile of four draws
    assert row["ratios"] == pytest.approx([1.7] * 3)
    assert (row["mean"].value, row["mean"].low, row["mean"].high) == pytest.approx((1.7, 1.7 - half, 1.7 + half))
    assert row["mean"].low < 1


def test_a_ranking_by_the_truth_finds_everything(folder):
    cell = next(Benchmark(folder).maps("flowers"))
    rows = {row["ranking"]: row for row in judged(cell, {"truth": lambda _: cell.bits.loss_rise}, truth="loss_rise")}
    assert rows["truth"]["recall"] == 1 and rows["truth"]["rho"] == pytest.approx(1)
    assert rows["matched"]["rho"] > rows["placebo"]["rho"] > 0


def test_a_ranking_of_ones_own_sees_no_truth(folder, tmp_path, monkeypatch):
    (tmp_path / "own_ranking.py").write_text(
        "def top(bits):\n    assert not {'loss_rise', 'score_drop'} & set(bits)\n    return bits.bit - bits.bits\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    table = leaderboard(Benchmark(folder), ["own_ranking:top"])
    own = table[table.ranking == "own_ranking:top"].iloc[0]
    assert own.networks == 6 and 0 < own.rho < 1
    with pytest.raises(SystemExit, match="expected module:function"):
        leaderboard(Benchmark(folder), ["own_ranking"])


def test_a_ranking_that_gives_no_number_a_bit_is_refused(folder):
    cell = next(Benchmark(folder).maps("flowers"))
    with pytest.raises(SystemExit, match=r"expected .* finite numbers, one a bit"):
        list(judged(cell, {"short": lambda bits: bits.bit[:3]}, truth="loss_rise"))


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"study\.yml is missing"):
        list(write.cells_of(tmp_path, ()))
    with pytest.raises(SystemExit, match=r"cells\.parquet is missing"):
        Benchmark(tmp_path)


def test_the_page_is_written_from_the_benchmark(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["describe_ranking", str(folder), "--page", str(tmp_path / "matched.md")])
    describe_ranking.main()
    text = (tmp_path / "matched.md").read_text()
    rho = networks_of(Benchmark(folder))[["matched_mean", "loss_rise", "precision"]]
    mean = np.mean([part.iloc[:, :2].corr("spearman").iloc[0, 1] for _, part in rho.groupby("precision")])
    assert f"| matched curvature | {describe_ranking.number(mean)} [" in text
    assert "6 quantized networks" in text and "Between tensors:" in text and "{{" not in text
    assert str(tmp_path) in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["leaderboard", str(folder), "--truth", "score_drop"])
    print_leaderboard()
    assert "squared_change" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ends", "expected"), [((0.01, 0.3), "holds"), ((-0.1, 0.04), "withdrawn"), ((-0.1, 0.2), "cannot tell")]
)
def test_a_claim_holds_is_withdrawn_or_cannot_be_judged(ends, expected):
    assert verdict(describe_ranking.Interval(sum(ends) / 2, *ends)) == expected
