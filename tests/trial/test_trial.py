"""Whatever a study would stumble over is found on a few rows, and all of it at once."""

import pytest

from lowland.tasks import TaskOptions, build_task
from lowland.tasks.custom import build_custom_task, options_of
from lowland.trial import try_task
from tests.own_package import SIZES

HEAD = """
import torch
from torch import nn
from gestures import Gestures, Network
from lowland.own_code import custom_spec
from lowland.tasks import Samples, split_samples

class Own(Gestures):
"""
NETWORK = """
    def network_spec(self):
        return custom_spec(Net, inputs=(3, 24), outputs=4)

class Net(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(72, outputs))
        {init}
    def forward(self, inputs):
        return {forward}
"""
PREPARE = """
    def prepare(self, raw):
        splits = super().prepare(raw)
        {change}
        return splits
"""


def network(forward="self.layers(inputs)", init="pass"):
    return NETWORK.format(forward=forward, init=init)


def prepare(change):
    return PREPARE.format(change=change)


def mistakes(package, body, *, deployed=False):
    package.write("theirs", HEAD + body)
    task = build_custom_task(options_of("theirs:Own", SIZES))
    return try_task(task, name="Own", **({} if deployed else {"deployed": None})).mistakes


def test_the_example_is_ready_and_says_what_was_looked_at(package):
    findings = try_task(build_custom_task(options_of("gestures:Gestures", SIZES)), name="gestures:Gestures")
    assert findings.mistakes == []
    notes = dict(findings.notes)
    assert notes["declared"] == "classifier of features, 4 outputs, score accuracy"
    assert notes["data"].startswith("240 rows in the raw table; train 120, validation ")
    assert notes["network"].startswith("gestures:Network: ") and notes["quantization"].endswith("0.0 % of samples")


def test_what_the_project_has_itself_is_ready():
    jets = TaskOptions.model_validate(
        {"kind": "econ", "source": "simulated", "filters": 4, "latent": 4, "shifted_rows": 8, "train_rows": 40}
        | {"validation_rows": 8, "landscape_rows": 8, "test_rows": 16}
    )
    assert try_task(build_task(jets), name="econ").mistakes == []


@pytest.mark.parametrize(
    "body, message",
    [
        ("    def fetch(self): raise OSError('no disk')", "Own.fetch: OSError: no disk ("),
        ("    def fetch(self): return None", "Own.fetch returns None; expected a pandas.DataFrame"),
        ("    def fetch(self): return [1]", "Own.fetch returns list; expected a pandas.DataFrame"),
        ("    def check(self, raw, origin): raw['time']", "Own.check: KeyError: 'time' ("),
        ("    def prepare(self, raw): return 3", "Own.prepare returns int; expected lowland.tasks.Splits"),
        (prepare("splits.sets['train'].inputs.normal_()"), "Own.prepare makes other sets of the same table when"),
        (prepare("del splits.sets['landscape']"), "Own.prepare makes no set landscape; expected train, validation"),
        (
            prepare("splits.sets['train'] = Samples(splits['train'].inputs.double(), splits['train'].targets)"),
            "Own.prepare: train has inputs of torch.float64; expected torch.float32",
        ),
        (
            prepare("splits.sets['train'].inputs[0, 0, 0] = float('nan')"),
            "Own.prepare: train has NaN or infinite inputs",
        ),
        (
            prepare("splits.sets['validation'] = splits['validation'].head(1)"),
            "Own.prepare: validation has 1 samples; expected at least 2",
        ),
        (prepare("splits.sets['train'].targets[0] = 4"), "Own.prepare: train has classes 0 to 4; expected 0 to 3"),
        (
            prepare("splits.sets['train'] = Samples(splits['train'].inputs, splits['train'].targets.float())"),
            "Own.prepare: train has targets of torch.float32 (120,); expected class numbers [n]",
        ),
        (
            prepare("object.__setattr__(splits, 'zero', torch.zeros(3))"),
            "Own.prepare: zero has the shape (3,); expected",
        ),
        (prepare("splits.shifted['later'] = splits.held_out"), "Own.prepare makes the shifted sets ['later'], but"),
        (prepare("splits.facts['unit'] = float('inf')"), "Own.prepare: facts cannot be written as JSON"),
        (
            prepare("splits.facts['preprocessing'] = {'kind': 'mine'}"),
            "Own.prepare: facts['preprocessing']: preprocessing kind is 'mine'; expected one of",
        ),
    ],
)
def test_what_is_wrong_with_data_is_one_line(package, body, message):
    found = mistakes(package, body)
    assert len(found) == 1 and found[0].startswith(message), found


@pytest.mark.parametrize(
    "body, message",
    [
        ("    def network_spec(self): return 3", "Own.network_spec returns 3; expected a dict"),
        (
            "    def network_spec(self): return {'kind': 'mpl'}",
            "Own.network_spec: network kind is 'mpl'; expected one of",
        ),
        (
            network(init="raise ValueError('no layers')"),
            "Own.network_spec: theirs:Net fails with inputs (3, 24), outputs 4:",
        ),
        (network("inputs @ 3"), "Own.network_spec: forward of theirs:Net: TypeError: "),
        (network("(self.layers(inputs), 1)"), "Own.network_spec: theirs:Net returns tuple; expected one tensor"),
        (
            network("self.layers(inputs)[:, :3]"),
            "Own.network_spec: theirs:Net has outputs (32, 3) for inputs (32, 3, 24); expected (32, 4)",
        ),
        (network("self.layers(inputs) / 0"), "Own.network_spec: theirs:Net puts out NaN or infinite numbers"),
        (
            network(
                "self.layers(inputs) + self.shift", init="torch.manual_seed(id(self)); self.shift = torch.randn(4)"
            ),
            "Own.network_spec: theirs:Net is another function when it is rebuilt",
        ),
        (
            network(init="self.idle = nn.Linear(2, 2)"),
            "Own.network_spec: theirs:Net never uses idle.weight, idle.bias; remove them or use them in forward",
        ),
    ],
)
def test_what_is_wrong_with_a_network_is_one_line(package, body, message):
    found = mistakes(package, body)
    assert found and found[0].startswith(message) and "\n" not in "".join(found), found


def test_a_network_of_chance_is_noticed(package):
    found = mistakes(package, network("nn.functional.dropout(self.layers(inputs), 0.5)"))
    assert found[0].startswith("Own.network_spec: theirs:Net differs between two calls in evaluation mode")
    found = mistakes(package, network(init="self.register_buffer('b', torch.rand(3, generator=torch.Generator()))"))
    assert found == []
    seeded = "self.register_buffer('b', torch.rand(3, generator=torch.Generator().manual_seed(id(self) % 10**9)))"
    found = mistakes(package, network(init=seeded))
    assert found[0].startswith("Own.network_spec: theirs:Net has other initial weights when it is built twice")


def test_mixed_rows_are_noticed(package):
    found = mistakes(package, network("self.layers(inputs - inputs.mean(dim=0))"))
    assert found[0].startswith("Own.network_spec: theirs:Net answers a sample otherwise beside others")
    assert len(found) == 2 and found[1].startswith("Own.loss: landscape of theirs:Net: ")


def test_what_cannot_be_quantized_is_told_where_precisions_have_codes(package):
    body = network(init="self.layers = nn.Sequential(nn.Flatten(), nn.Linear(72, 8), nn.GLU())")
    assert mistakes(package, body) == []
    (found,) = mistakes(package, body, deployed=True)
    assert found.startswith("Own.network_spec: quantization of theirs:Net: ") and "glu" in found.lower()


@pytest.mark.parametrize(
    "body, message",
    [
        (
            "    def loss(self, o, t): return super().sample_losses(o, t)",
            "Own.loss has the shape (32,); expected a scalar",
        ),
        ("    def loss(self, o, t): return 2 * super().loss(o, t)", "Own.loss is 2."),
        ("    def loss(self, o, t): return super().loss(o.detach(), t)", "Own.loss has no gradient in the outputs"),
        ("    def loss(self, o, t): return super().loss(o, t) * float('inf')", "Own.loss is inf for finite outputs"),
        ("    def loss(self, o, t): return super().loss(o, t.x)", "Own.loss: AttributeError: "),
        (
            "    def sample_losses(self, o, t): return super().loss(o, t)",
            "Own.sample_losses have the shape (); expected",
        ),
        (
            "    def sample_losses(self, o, t): return super().sample_losses(o - o.mean(0), t)",
            "Own.sample_losses of the first 3 samples change with the samples beside them",
        ),
        ("    def sample_scores(self, o, t): return o.argmax(1) == t", "Own.sample_scores are torch.bool; expected"),
        ("    def sample_scores(self, o, t): return -o.sum(1)", "Own.sample_scores of a sample whose outputs are NaN"),
        ("    def decisions(self, o): return o", "Own.decisions have the shape (32, 4); expected one a sample (32,)"),
        ("    def guess_outputs(self, t, n): return torch.zeros(4)", "Own.guess_outputs have the shape (4,); expected"),
        ("    def guess_outputs(self, t, n): return torch.full((n, 4), float('nan'))", "Own.guess_outputs are NaN"),
        ("    def guess_score(self, t): return float('nan')", "Own.guess_score is nan; expected a finite number"),
        ("    detail_measures = ('amplitude_error',)", "Own.details measures [], but detail_measures declares"),
    ],
)
def test_what_is_wrong_with_loss_and_scores_is_told(package, body, message):
    found = mistakes(package, body)
    assert any(line.startswith(message) for line in found), found


def test_all_mistakes_are_told_at_once(package):
    scores = "    def decisions(self, o): return o\n    def guess_score(self, t): return float('nan')\n"
    body = scores + network("inputs @ 3")
    found = mistakes(package, body)
    assert [line.partition(":")[0].partition(" ")[0] for line in found] == [
        "Own.network_spec",
        "Own.decisions",
        "Own.guess_score",
    ]
