import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.selection import Axes, TaskFacts
from lowland.training.recipes.recipe import Recipe
from tests.quantization.convolutions import CASES
from tests.training.fitting import OPTIONS, RECIPES, equal_weights, fit, network

GENERATOR = torch.Generator()


def recipe(**options):
    return Recipe.model_validate(options).root


def test_plain_adds_nothing():
    plain = recipe(kind="plain")
    assert plain.penalty(nn.Linear(2, 2), torch.ones(1, 2), torch.ones(1, 2), GENERATOR) is None
    assert plain.weight_decay == 0.0 and not plain.differentiates_inputs


def test_weights_scale_their_penalty():
    model, inputs = nn.Linear(3, 2), torch.randn(4, 3).requires_grad_()
    for kind in ("jacobian", "orthogonal"):
        one, ten = (
            recipe(kind=kind, weight=w).penalty(model, inputs, model(inputs), GENERATOR.manual_seed(0)) for w in (1, 10)
        )
        assert float(ten.detach()) == pytest.approx(10 * float(one.detach()), rel=1e-6)


def test_clipping_bounds_weights_and_leaves_biases():
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.fill_(-3.0)
        model.bias.fill_(5.0)
    recipe(kind="clipping", limit=0.5).after_step(model)
    assert model.weight.unique().tolist() == [-0.5] and model.bias.unique().tolist() == [5.0]


@pytest.mark.parametrize("chosen", [{"kind": "clipping"}, {"kind": "bit_errors", "rate": 0.01, "bits": 6}])
def test_clipping_spares_what_stays_float_in_training_and_in_fine_tuning(chosen):
    case, options = CASES["autoencoder"], OPTIONS.model_copy(update={"epochs": 1})
    pair = (case.rows(8), torch.zeros(8, 1, 8, 8))
    for model, settings in ((case.network(), {"float_from": "decoder"}), (case.twin(4), {})):
        fitted = fit(
            model,
            options=options,
            training=pair,
            validation=pair,
            loss=nn.functional.mse_loss,
            settings=settings,
            limit=0.01,
            **chosen,
        ).network
        weights = {name: p for name, p in fitted.named_parameters() if name.endswith("weight")}
        decoder = [p for name, p in weights.items() if "decoder" in name]
        encoder = [p for name, p in weights.items() if "encoder" in name]
        assert len(encoder) == 2 and max(float(p.detach().abs().max()) for p in encoder) <= 0.01
        assert len(decoder) == 3 and min(float(p.detach().abs().max()) for p in decoder) > 0.02


@pytest.mark.parametrize("name", RECIPES)
def test_what_moves_inputs_is_refused_for_tokens_with_the_parameters(name):
    chosen = recipe(**RECIPES[name])
    facts = {"outputs": 2, "score": "accuracy", "unit": "", "is_share": True, "is_classifier": True}
    tasks = {
        "words": TaskFacts(**facts, input_kind="tokens"),
        "pixels": TaskFacts(**facts, input_kind="image"),
    }
    axes = Axes(tasks=tasks, recipes=("it",), seeds=("s0",), precisions=("fp32",), deployed={})
    does = {"noise": "changes inputs", "jacobian": "takes derivatives in inputs"}.get(chosen.kind)
    told = [("kind", f"{does}, which of words are tokens; expected adversarial or mixup, or another")]
    assert list(chosen.misfits(axes)) == (told if does else [])


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "jacobian", "weight": -0.1},
        {"kind": "weight_decay", "weight": 0.0},
        {"kind": "clipping", "limit": float("nan")},
        {"kind": "jacobain", "weight": 0.1},
        {"kind": "plain", "weight": 0.1},
        {"kind": "jacobian"},
    ],
)
def test_wrong_recipes_are_refused(options):
    with pytest.raises(ValidationError):
        recipe(**options)


def test_a_learning_rate_of_ones_own_trains_as_the_options_with_that_rate_do():
    faster = OPTIONS.model_copy(update={"learning_rate": 3 * OPTIONS.learning_rate})
    own = fit(network(), kind="plain", learning_rate_factor=3).network
    same, other = fit(network(), options=faster).network, fit(network()).network
    assert equal_weights(own, same) and not equal_weights(own, other)
