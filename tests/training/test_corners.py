"""Networks and data at the edge of what can be trained, with every recipe."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate
from tests.training.fitting import OPTIONS, RECIPES, data, equal_weights, fit, network

SHORT = OPTIONS.model_copy(update={"epochs": 1})


@pytest.fixture(params=RECIPES)
def chosen(request):
    return RECIPES[request.param]


def normalised():
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def frozen_first(make=network):
    model = make()
    model[0].requires_grad_(False)
    return model


def test_a_last_batch_of_one_row_is_trained_with_batch_norm(chosen):
    result = fit(normalised(), options=SHORT, training=data(33), **chosen)
    assert result.status == "ok" and int(result.network[1].num_batches_tracked) > 0


def test_a_schedule_counts_the_batches_that_there_are():
    options = SHORT.model_copy(update={"schedule": "cosine", "epochs": 2})
    for count, sizes in ((33, [16, 17]), (34, [16, 16, 2])):
        seen = []

        class Spy(nn.Linear):
            def forward(self, inputs, seen=seen):
                if self.training:
                    seen.append(len(inputs))
                return super().forward(inputs)

        fit(nn.Sequential(Spy(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)), options=options, training=data(count))
        assert seen == 2 * sizes


@pytest.mark.parametrize(
    "size, rows, message",
    [(1, 8, "batch_size is 1; expected at least 2"), (16, 1, "there is 1 training sample; expected at least 2")],
)
def test_batch_norm_needs_two_rows(size, rows, message):
    options = SHORT.model_copy(update={"batch_size": size})
    with pytest.raises(LowlandError, match=rf"{message}: Sequential has batch normalisation"):
        fit(normalised(), options=options, training=data(rows))
    assert fit(network(), options=options, training=data(rows)).status == "ok"  # without it, one row is enough


def test_integer_inputs_are_trained_or_refused_in_one_line(chosen):
    source = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 5, (32, 6), generator=source), torch.randint(0, 2, (32,), generator=source)
    model = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(24, 2))
    if chosen["kind"] in ("jacobian", "noise"):  # adversarial and mixup act on embeddings
        with pytest.raises(LowlandError, match=r"^inputs are torch\.int64; recipes .* use another recipe$"):
            fit(model, training=rows, validation=rows, **chosen)
    else:
        assert fit(model, options=SHORT, training=rows, validation=rows, **chosen).status == "ok"


def test_nothing_to_train_is_one_line(chosen):
    with pytest.raises(LowlandError, match=r"^Sequential has no parameter that requires gradients; expected one"):
        fit(network().requires_grad_(False), **chosen)


def test_frozen_layers_stay_as_they_are(chosen):
    result = fit(frozen_first(), options=SHORT, **chosen)
    assert result.status == "ok" and equal_weights(result.network[0], network()[0])
    assert not any(p.requires_grad for p in result.network[0].parameters())
    assert not equal_weights(result.network[2], network()[2])


def test_frozen_weights_of_twins_stay_as_they_are(chosen):
    precision = Precision(method="qat", weight_bits=4, activation_bits=4)
    twin = calibrate(build_quantized(network(), precision, input_bits=8), data()[0])
    frozen = {name: p for name, p in twin.named_parameters() if name.endswith("weight")}
    for parameter in frozen.values():
        parameter.requires_grad_(False)
    before = {name: p.clone() for name, p in frozen.items()}
    result = fit(twin, options=SHORT, **chosen)
    assert result.status == "ok" and before
    assert all(torch.equal(dict(result.network.named_parameters())[name], values) for name, values in before.items())


def test_dropout_is_keyed_and_leaves_the_global_generator(chosen):
    def dropping():
        return nn.Sequential(*network()[:2], nn.Dropout(0.5), network()[2])

    torch.manual_seed(1)
    first = fit(dropping(), options=SHORT, **chosen)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again, other = fit(dropping(), options=SHORT, **chosen), fit(dropping(), options=SHORT, key=("toy", 1), **chosen)
    assert torch.equal(torch.get_rng_state(), state)
    assert equal_weights(first.network, again.network) and first.curves.equals(again.curves)
    assert not equal_weights(first.network, other.network)


def test_a_batch_may_be_larger_than_the_rows():
    result = fit(network(), options=SHORT.model_copy(update={"batch_size": 4096}))
    assert result.status == "ok" and not equal_weights(result.network, network())


ON_WEIGHTS = [
    {"kind": "weight_decay", "weight": 0.5},
    {"kind": "clipping", "limit": 0.05},
    {"kind": "bit_errors", "rate": 0.01, "bits": 4, "limit": 0.05},
]


@pytest.mark.parametrize("chosen", ON_WEIGHTS, ids=lambda chosen: chosen["kind"])
def test_recipes_reach_the_weights_of_pruned_layers(chosen):
    """What they act on is called otherwise there."""

    def pruned():
        model = network()
        prune.l1_unstructured(model[0], "weight", 0.5)
        return model

    found = fit(pruned(), options=SHORT, **chosen).network[0]
    plain = fit(pruned(), options=SHORT).network[0]
    with torch.no_grad():
        weight, without = (layer.weight_orig * layer.weight_mask for layer in (found, plain))
    assert not torch.equal(weight, without) and float((weight == 0).double().mean()) == 0.5
    if "limit" in chosen:
        assert float(weight.abs().max()) == pytest.approx(0.05)


@pytest.mark.parametrize("chosen", ON_WEIGHTS, ids=lambda chosen: chosen["kind"])
def test_recipes_that_act_on_weights_refuse_computed_ones(chosen):
    model = network()
    parametrizations.weight_norm(model[2])
    with pytest.raises(LowlandError, match=r"^weights of layer 2 are computed from other parameters; this recipe acts"):
        fit(model, options=SHORT, **chosen)
    assert fit(model, options=SHORT).status == "ok"
