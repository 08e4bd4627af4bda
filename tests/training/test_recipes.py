import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.training.recipes import Recipe

GENERATOR = torch.Generator()


def recipe(**options):
    return Recipe.model_validate(options).root


def test_plain_adds_nothing():
    plain = recipe(kind="plain")
    assert plain.penalty(nn.Linear(2, 2), torch.ones(1, 2), torch.ones(1, 2), GENERATOR) is None
    assert plain.decay == 0.0 and not plain.differentiates_inputs


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
