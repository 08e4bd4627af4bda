"""The worst inputs nearby: gradient attacks on any differentiable model, kept inside their ball by one projection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.perturbation.ball import Ball, Norm
from lowland.randomness import Key
from lowland.randomness import generator as keyed
from lowland.selection import NONE_SWITCHES_OFF, NOTHING, refuse_repeats
from lowland.vocabulary.planned import Planned

Model = Callable[[Tensor], Tensor]
SampleLosses = Callable[[Tensor, Tensor], Tensor]


class AttackOptions(BaseModel):
    """Which attacks, in which norms, how far and how hard.

    Attributes:
        kinds: Keys of ``ATTACKS``; ``none`` switches attacks off, also in place of all these options.
        norms: ``linf`` and ``l2``.
        levels: Radii in training standard deviations of each feature. In d features an L2 ball holds the same typical
            change as an L∞ ball whose radius is √d times smaller.
        num_steps: Of PGD.
        num_restarts: Of PGD.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: Annotated[tuple[Literal["fgsm", "pgd"], ...], NONE_SWITCHES_OFF]
    norms: Annotated[tuple[Norm, ...], Field(min_length=1)]
    levels: Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)]
    num_steps: Annotated[int, Field(ge=1)]
    num_restarts: Annotated[int, Field(ge=1)]

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_kind(cls, value: Any) -> Any:
        off = {"kinds": (), "norms": ("linf",), "levels": (1.0,), "num_steps": 1, "num_restarts": 1}
        return off if value in NOTHING else value

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(kinds=self.kinds, norms=self.norms, levels=self.levels)
        return self

    def planned(self) -> Iterator[Planned]:
        """Every attack in every norm at every radius."""
        for kind, norm in product(self.kinds, self.norms):
            yield Planned(family="adversarial", condition=f"{kind}_{norm}", levels=self.levels)

    def effort(self, kind: str, *, key: tuple[Key, ...]) -> dict[str, Any]:
        """What else an attack is called with; equal keys start at the same places of every ball."""
        if kind == "fgsm":
            return {}
        return {"effort": Effort(self.num_steps, self.num_restarts, generator=keyed(*key))}


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard projected gradient ascent looks for the worst.

    Attributes:
        num_steps: Gradients of every restart, at least 1.
        num_restarts: Independent starts, at least 1.
        random_start: Start uniformly in the ball rather than at x; more than one restart needs it.
        generator: Draws the starts (on the CPU); equal seeds give equal starts in units of ε.
    """

    num_steps: int = 10
    num_restarts: int = 1
    random_start: bool = True
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        """Refuse what finds nothing, or the same several times.

        Raises:
            LowlandError: Fewer than one step or restart; several restarts without random starts.
        """
        steps, restarts = self.num_steps, self.num_restarts
        if steps < 1 or restarts < 1:
            raise LowlandError(f"num_steps is {steps} and num_restarts {restarts}; expected at least 1 of each")
        if restarts > 1 and not self.random_start:
            raise LowlandError(f"num_restarts is {restarts} without random_start: all would do the same; expected 1")


EFFORT = Effort()


class Attacked(NamedTuple):
    """What an attack found.

    Attributes:
        inputs: x' [n, ...], inside the ball, in the format of the inputs.
        losses: Loss of every x' [n]; infinite where the outputs are no numbers.
        blind: Samples [n] whose gradient was zero or no number wherever the attack looked: the attack could not see,
            which is not the same as the sample being safe.
    """

    inputs: Tensor
    losses: Tensor
    blind: Tensor


def fgsm(model: Model, sample_losses: SampleLosses, inputs: Tensor, targets: Tensor, *, ball: Ball) -> Attacked:
    """One full step along the gradient: x' = x + ε·s·sign(∂L/∂x) in L∞, ε along the scaled gradient in L2.

    Args:
        model: In evaluation mode. Of a deployed network its ``dequantized()`` copy is attacked: the gradients of its
            roundings pass straight through.
        sample_losses: (outputs, targets) -> the loss of every sample [n], which the attack raises.
        inputs: [n, ...], floating point.
        targets: [n, ...].
        ball: What the attack must not leave.

    Raises:
        LowlandError: A model in training mode, inputs that are no floating-point numbers, losses that are not one a
            sample, or a model whose outputs do not depend on its inputs differentiably.

    Source:
        Goodfellow, Shlens & Szegedy 2015, arXiv 1412.6572; the L2 form after Miyato et al. 2016, arXiv 1605.07725.
    """
    return pgd(model, sample_losses, inputs, targets, ball=ball, effort=Effort(num_steps=1, random_start=False))


def pgd(
    model: Model,
    sample_losses: SampleLosses,
    inputs: Tensor,
    targets: Tensor,
    *,
    ball: Ball,
    effort: Effort = EFFORT,
) -> Attacked:
    """Projected gradient ascent on the loss; of every sample the worst x' that any step of any restart came by.

    Step k of K is 2ε·(1 − k/K) long, k from 0, in units of the ball's scale: first across the whole ball, then ever
    finer, which settles on maxima that steps of equal length circle around. It goes along sign(s·∂L/∂x) in L∞ and
    along s·∂L/∂x over its length in L2. Every start and every iterate is projected here: nothing can leave the ball.

    Args:
        model: As in ``fgsm``.
        sample_losses: As in ``fgsm``.
        inputs: [n, ...], floating point.
        targets: [n, ...].
        ball: What the attack must not leave.
        effort: Steps, restarts and starts.

    Raises:
        LowlandError: As in ``fgsm``.

    Source:
        Madry et al. 2018, arXiv 1706.06083; shrinking steps as in Croce & Hein 2020, arXiv 2003.01690.
    """
    differentiable = _differentiable(model)
    if not inputs.is_floating_point():
        raise LowlandError(f"inputs are {inputs.dtype}; expected floating-point numbers: attack embeddings, not tokens")
    source = keyed("pgd") if effort.generator is None else effort.generator
    unit = ball.units(inputs)

    worst = inputs.detach().clone()
    highest = torch.full((len(inputs),), -torch.inf, dtype=torch.float64, device=inputs.device)
    blind = torch.ones(len(inputs), dtype=torch.bool, device=inputs.device)

    def remember(attacked: Tensor, losses: Tensor) -> None:
        better = losses > highest
        worst[better], highest[better] = attacked[better], losses[better]

    for _ in range(effort.num_restarts):
        start = torch.zeros_like(inputs, dtype=torch.double)
        if effort.random_start:
            start = _uniform_in_ball(inputs, ball, source)
        attacked = ball.project(inputs, start)
        for done in range(effort.num_steps):
            losses, gradient = _slopes(differentiable, sample_losses, attacked, targets)
            if done:  # a start is no step
                remember(attacked, losses)
            direction = _steepest(gradient * unit, ball.norm)
            blind &= (direction == 0).flatten(1).all(dim=1)
            step = 2 * ball.eps * (1 - done / effort.num_steps)
            attacked = ball.project(inputs, attacked.double() - inputs.double() + step * direction * unit)
        with torch.no_grad():
            remember(attacked, _comparable(_checked(sample_losses(differentiable(attacked), targets), inputs)))
    return Attacked(worst, highest, blind)


def _differentiable(model: Model) -> Model:
    """The dequantized copy of a deployed network, any other model itself, if it is fit to be attacked."""
    if hasattr(model, "dequantized"):
        return model.dequantized().eval()
    if isinstance(model, nn.Module):
        for name, module in model.named_modules():
            if module.training:
                raise LowlandError(
                    f"model: {name or type(model).__name__!r} is in training mode; expected the deployed model in "
                    "evaluation mode: call model.eval() first"
                )
    return model


def _slopes(model: Model, sample_losses: SampleLosses, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """L_r [n] and ∂L_r/∂x_r [n, ...] of every sample in float64; samples do not see each other in evaluation mode."""
    with torch.enable_grad():
        variable = inputs.detach().requires_grad_()
        losses = _checked(sample_losses(model(variable), targets), inputs)
        if not losses.requires_grad:
            raise LowlandError(
                "model: the loss does not depend differentiably on the inputs; expected a model that is evaluated with "
                "gradients: attack the fake-quantized model or dequantized() of a deployed network"
            )
        (gradient,) = torch.autograd.grad(losses.sum(), variable)
    return _comparable(losses.detach()), gradient.double()


def _comparable(losses: Tensor) -> Tensor:
    """Losses in float64; what is no number is the worst there is."""
    return losses.double().nan_to_num(nan=torch.inf, posinf=torch.inf)


def _checked(losses: Tensor, inputs: Tensor) -> Tensor:
    if losses.shape != (len(inputs),):
        raise LowlandError(
            f"sample_losses gave shape {list(losses.shape)} for {len(inputs)} samples; expected one loss a sample: use "
            "reduction='none'"
        )
    return losses


def _steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """The direction of unit norm in which the loss rises most; zero where there is no gradient."""
    # Dividing by the largest entry first keeps tiny float32 gradients from vanishing when they are squared.
    largest = gradient.flatten(1).abs().amax(dim=1).reshape(-1, *[1] * (gradient.ndim - 1))
    scaled = torch.where((largest > 0) & largest.isfinite(), gradient / largest, 0.0)
    if norm == "linf":
        return scaled.sign()
    length = torch.linalg.vector_norm(scaled.flatten(1), dim=1).reshape(largest.shape)
    return torch.where(length > 0, scaled / length, 0.0)


def _uniform_in_ball(inputs: Tensor, ball: Ball, source: torch.Generator) -> Tensor:
    """A change [n, ...] drawn uniformly in the ball, in the inputs' units."""
    if ball.norm == "linf":
        drawn = 2 * torch.rand(inputs.shape, generator=source, dtype=torch.float64) - 1
    else:
        normal = torch.randn(inputs.shape, generator=source, dtype=torch.float64).flatten(1)
        radius = torch.rand(len(inputs), 1, generator=source, dtype=torch.float64) ** (1 / normal.shape[1])
        drawn = (radius * normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)).reshape(inputs.shape)
    return ball.eps * ball.units(inputs) * drawn.to(inputs.device)


ATTACKS: dict[str, Callable[..., Any]] = {"fgsm": fgsm, "pgd": pgd}
