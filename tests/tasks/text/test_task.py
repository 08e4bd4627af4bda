"""Sentiment: sets that share no text and no document, a vocabulary of training texts, shifts that are other worlds."""

import hashlib
import logging

import pytest
import torch

from lowland.architectures import build_network, initialised_network
from lowland.coding.tokens import PADDING, UNKNOWN
from lowland.errors import LowlandError
from lowland.tasks import Splits, TaskOptions, build_task, preprocessing_from
from lowland.tasks.evaluation import evaluate
from lowland.tasks.obtaining import origin_of
from lowland.tasks.text.task import CLASSES
from lowland.tasks.text.vocabulary import words_of
from lowland.tasks.text.worlds import WORLDS
from lowland.training import TrainingData, TrainingOptions, train
from lowland.training.recipes.recipe import Plain
from tests.real_data import folder, needs
from tests.tasks.text.made_corpus import write_corpus

SIZES = {"train_rows": 120, "validation_rows": 24, "landscape_rows": 24, "test_rows": 60}
OPTIONS = {"kind": "sentiment", "shifted": ["product", "tweets"], "max_tokens": 8, "embedding": 4, "hidden": 5} | SIZES


def task_of(path, **change):
    return build_task(TaskOptions.model_validate(OPTIONS | {"path": str(path)} | change))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    task = task_of(write_corpus(tmp_path_factory.mktemp("sentiment")))
    raw = task.fetch()
    task.check(raw, "sentiment")
    return task, raw, task.prepare(raw)


def test_tokens_are_whole_numbers_of_one_length(made):
    _, raw, splits = made
    for samples in (*splits.values(), *(found.samples for found in splits.shifted.values())):
        assert samples.inputs.dtype == torch.int64 and samples.inputs.shape[1:] == (8,)
        assert samples.targets.dtype == torch.int64 and set(samples.targets.tolist()) == {0, 1}
        padded = samples.inputs == PADDING
        assert (padded[:, 1:] >= padded[:, :-1]).all() and not padded[:, 0].any()  # filled up behind, never empty
    again = Splits.from_tensors(splits.to_tensors())
    assert torch.equal(again["test"].inputs, splits["test"].inputs)
    preprocessing = preprocessing_from(splits.facts["preprocessing"])
    nominal = raw[raw["set"] == "nominal"]
    rows = {tuple(row) for row in preprocessing.apply(nominal).tolist()}
    assert {tuple(row) for samples in splits.values() for row in samples.inputs.tolist()} <= rows


def test_the_sign_of_the_rating_is_the_class_and_what_is_near_0_has_none(tmp_path):
    path = write_corpus(tmp_path, texts=120)
    file = path / WORLDS["movie"].file
    file.write_text("1\t0.4\tso so\n2\t-0.4\tneither\n3\t0\tnothing\n4\t1\t-\n" + file.read_text())
    raw = task_of(path).fetch()
    nominal = raw[raw["set"] == "nominal"]
    assert len(nominal) == 120 and not nominal["text"].isin(["so so", "neither", "nothing", "-"]).any()
    assert ((raw["rating"] > 0) == (raw["label"] == CLASSES[1])).all()
    all_but_0 = task_of(path, neutral=0.0).fetch()
    assert len(all_but_0) == len(raw) + 2 and "nothing" not in set(all_but_0["text"])


def test_the_vocabulary_is_that_of_training_texts(made):
    task, raw, splits = made
    words = splits.facts["preprocessing"]["vocabulary"]
    counts = torch.bincount(splits["train"].inputs.flatten(), minlength=len(words) + 2)
    assert (counts[2:] >= task.options.min_count).all()  # nothing that training does not show often enough
    assert set(words) <= {word for text in raw["text"] for word in words_of(text)}
    assert set(splits.facts["unknown_words"]) == {"nominal", "product_reviews", "tweets"}
    tokens = splits.shifted["tweets"].samples.inputs
    share = float((tokens == UNKNOWN).sum() / (tokens != PADDING).sum())
    assert splits.facts["unknown_words"]["tweets"] == pytest.approx(share) and share > 0


def test_texts_of_a_document_and_equal_texts_stay_together(tmp_path):
    path = write_corpus(tmp_path, worlds=("product",))
    file = path / WORLDS["product"].file
    copied = [line.split("\t")[2] for line in file.read_text().splitlines()[:30:2]]
    file.write_text(file.read_text() + "".join(f"{900 + n}_1\t2\t{text}\n" for n, text in enumerate(copied)))
    task = task_of(path, world="product", shifted=[], min_count=1, max_tokens=12)
    raw = task.fetch()
    task.check(raw, "sentiment")
    chosen = task._chosen(raw)
    owner = {}
    for name, rows in chosen.items():
        for row in rows:
            for key in (raw["document"].iloc[row], raw["text"].iloc[row]):
                assert owner.setdefault(key, name) == name
    assert sum(map(len, chosen.values())) <= len(raw)
    splits = task.prepare(raw)
    texts = [{tuple(row) for row in samples.inputs.tolist()} for samples in splits.values()]
    assert sum(map(len, texts)) == len(set.union(*texts))


def test_the_shifts_are_other_worlds_of_at_most_so_many_texts(made):
    task, _, splits = made
    assert [found.name for found in task.shifted_sets] == ["product_reviews", "tweets"] == list(splits.shifted)
    assert [planned.condition for planned in task.planned() if planned.family == "shift"] == list(splits.shifted)
    few = task_of(task.options.path, shifted_rows=40)
    for found in few.prepare(few.fetch()).shifted.values():
        assert 36 <= len(found.samples.inputs) <= 44


def test_the_network_has_an_embedding_for_every_token(made):
    task, _, splits = made
    with pytest.raises(LowlandError, match="known once its texts are read"):
        task.network_spec()
    for kind in ("gru", "lstm"):
        spec = task_of(task.options.path, network=kind).network_spec_for(splits["train"])
        assert spec["kind"] == kind and spec["tokens"] == len(splits.facts["preprocessing"]["vocabulary"]) + 2
        assert build_network(spec)(splits["test"].inputs).shape == (len(splits["test"].inputs), 2)


def test_it_is_learned(made):
    task, _, splits = made
    network = initialised_network(task.network_spec_for(splits["train"]), key=("sentiment", 0))
    found = train(
        network,
        TrainingData(splits["train"], splits["validation"], task.loss),
        recipe=Plain(kind="plain"),
        options=TrainingOptions(epochs=10, batch_size=16, learning_rate=2e-2, schedule="constant"),
        key=("sentiment", 0),
    )
    score = float(evaluate(task, found.network, splits["test"]).scores.mean())
    assert score > 0.8 > task.guess_score(splits["test"].targets) + 0.2


def test_what_it_says_of_itself(made):
    about = made[0].about
    assert about.input_kind == "tokens" and about.score == "accuracy" and about.provenance == "made"
    assert about.text == (
        "The task: sentences of film reviews, liking or dislike by the sign of people's mean rating (those nearer to 0 "
        "than 0.5 are left out); the network reads 8 words and is a GRU with 5 units over embeddings of 4 numbers a "
        "word."
    )
    assert not any(about.meets[family] for family in ("noise", "sensor_fault", "image_corruption"))
    assert about.meets["adversarial"] and about.meets["bit_flip"]


def test_a_corpus_that_is_not_there_names_the_variable_and_the_command(tmp_path):
    options = TaskOptions.model_validate(OPTIONS | {"path": str(tmp_path)})
    with pytest.raises(LowlandError) as caught:
        origin_of(build_task(options), options, "sentiment")
    assert str(caught.value) == (
        f"{tmp_path}/movieReviewSnippets_GroundTruth.txt: the file is missing; `tasks.sentiment` reads it (python -m "
        "scripts.fetch_sentiment gets it): give tasks.sentiment.path, or name the folder that the path starts from in "
        "LOWLAND_DATA"
    )


def test_texts_that_are_too_long_are_cut_and_counted_or_refused(made, caplog):
    task, raw, _ = made
    longer = sum(len(words_of(text)) > 4 for text in raw["text"])
    cut = task_of(task.options.path, max_tokens=4)
    with caplog.at_level(logging.INFO):
        cut.check(raw, "texts")
        cut.check(raw, "texts")
    (record,) = [each for each in caplog.records if "words" in each.getMessage()]
    assert record.getMessage().startswith(f"texts: {longer} of {len(raw)} texts have more than 4 words (the longest ")
    with pytest.raises(LowlandError, match=f"texts: {longer} of .*; raise max_tokens, or set too_long: cut"):
        task_of(task.options.path, max_tokens=4, too_long="refuse").check(raw, "texts")


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda raw: raw.drop(columns="text"), "column 'text' is missing; make the table again"),
        (lambda raw: raw.assign(label="mixed"), "column 'label' says 'mixed' in row 0; expected negative or positive"),
        (lambda raw: raw[raw["set"] != "tweets"], "fewer than 4 texts of the set 'tweets'; leave it out of shifted"),
        (lambda raw: raw[raw["set"] != "nominal"], "no text of movie has a class; lower neutral"),
        (lambda raw: raw[(raw["set"] != "nominal") | (raw["label"] == "positive")], "of class 'negative'"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(made, spoil, message):
    task, raw, _ = made
    with pytest.raises(LowlandError, match=message) as caught:
        task.check(spoil(raw), "texts")
    assert str(caught.value).startswith("texts: ")


FILES = tuple(f"sentiment/{world.file}" for world in WORLDS.values())


@needs(*FILES)
def test_the_real_corpus_has_the_published_texts():
    for world in WORLDS.values():
        assert hashlib.sha256((folder() / "sentiment" / world.file).read_bytes()).hexdigest() == world.sha256
    options = {"path": str(folder() / "sentiment"), "max_tokens": 32, "shifted": ["product", "tweets", "editorials"]}
    task = task_of(options.pop("path"), neutral=0.0, **options)
    raw = task.fetch()
    task.check(raw, "sentiment")
    assert raw.groupby("set", sort=False).size().to_dict() == {
        "nominal": 10568, "product_reviews": 3610, "tweets": 4196, "editorials": 4946,
    }  # fmt: skip
    splits = task.prepare(raw)
    assert len(splits["train"].inputs) == 120 and splits.facts["unknown_words"]["nominal"] > 0.3
