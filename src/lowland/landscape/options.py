"""What the landscape stage may be told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lowland.selection import ONE_MESSAGE, Axes, Misfit, Selection
from lowland.vocabulary.measures import MEASURES
from lowland.vocabulary.planned import Planned


class LandscapeOptions(BaseModel):
    """How the scalar measures of one cell are computed.

    Attributes:
        backend: Who computes trace and largest eigenvalue: ``lowland``, or ``pyhessian`` for reference (slower,
            sampled).
        trace_method: ``auto`` (exact where the network is piecewise linear), ``exact``, ``hutchinson`` or ``hutch++``.
        num_probes: Probes where the trace is sampled.
        eigenvalue_tolerance: Relative error of the largest eigenvalue.
        input_noise_level: Gaussian input noise that ``input_curvature`` predicts, per cent of each feature's standard
            deviation in training.
        gradient_quantiles: Which quantiles of the rows' gradient norms are kept.
        eigenvalue_ends: ``largest``, or ``both`` for the smallest too, which costs several times as much.
        few_rows: Rows for what takes many passes: changed decisions flip by flip, random and worst changes of weights,
            likeness of layers.
        weight_noise_size: Random change of every weight in ``expected_sharpness``, as a share of itself.
        weight_noise_draws: Pairs of such changes.
        adaptive_radius: Size of the ball of ``adaptive_sharpness``, all relative changes together.
        adaptive_steps: Ascent steps in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Literal["lowland", "pyhessian"]
    trace_method: Literal["auto", "exact", "hutchinson", "hutch++"]
    num_probes: Annotated[int, Field(ge=2)]
    eigenvalue_tolerance: Annotated[float, Field(gt=0, lt=1)]
    input_noise_level: Annotated[float, Field(gt=0, le=100)]
    gradient_quantiles: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)]
    eigenvalue_ends: Literal["largest", "both"]
    few_rows: Annotated[int, Field(ge=5)]
    weight_noise_size: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    weight_noise_draws: Annotated[int, Field(ge=2)]
    adaptive_radius: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    adaptive_steps: Annotated[int, Field(ge=4)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.gradient_quantiles)) < len(self.gradient_quantiles):
            raise ValueError(f"gradient_quantiles names a level twice: {self.gradient_quantiles}")
        if self.backend == "pyhessian" and self.eigenvalue_ends == "both":
            raise ValueError("eigenvalue_ends is both; PyHessian finds the largest magnitude only: expected largest")
        return self

    def planned(self) -> Iterator[Planned]:
        """Every measure of a cell that is about the whole network; those by layer have no names before there is one."""
        noise, quantiles = ("input_curvature", "input_mismatch_curvature"), ("sample_gradient_norm",)
        ends = () if self.eigenvalue_ends == "both" else ("smallest_eigenvalue",)
        apart = {"all", *noise, *quantiles, *ends}
        others = (
            name
            for name, measure in MEASURES.items()
            if measure.families == ("landscape",) and not (measure.of_pairs or measure.selected or name in apart)
        )
        yield Planned(family="landscape", measures=tuple(others))
        yield Planned(family="landscape", measures=noise, condition="gaussian", levels=(self.input_noise_level,))
        yield Planned(family="landscape", measures=quantiles, levels=self.gradient_quantiles)


class LandscapeDetailOptions(Selection):
    """Pictures of the landscape, too costly for every cell: which cells get them, and how fine they are.

    Spectral density and loss surface are taken of the first ``seeds`` seeds, mode connectivity between the first
    ``pairs`` pairs of seeds, at the ``precisions`` of every recipe.

    Attributes:
        precisions: Names from the axis of precisions; or how many of them, from the first; or ``all``. ``none``
            switches the pictures off.
        seeds: How many seeds, or ``all``.
        pairs: How many pairs of seeds, or ``all``.
        density_runs: Independent Lanczos runs of the spectral density; their spread is its standard error.
        density_steps: Hessian products in each.
        surface_directions: Planes: ``filter_normalised`` (two random directions) and / or ``hessian`` (the two
            sharpest).
        surface_points: Grid points along each side of a plane, odd, so that the network itself is one of them.
        surface_span: Half the side of the plane, in units of its directions.
        surface_rows: Rows that the loss is averaged over, or ``all`` landscape rows.
        connectivity_epochs: Epochs that train the bend of the curve between two seeds.
        connectivity_learning_rate: Step of the optimiser at their start.
        connectivity_batch_size: Training rows of each step.
        connectivity_points: Places along the curve where the loss is taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pairs: Annotated[Annotated[int, Field(ge=0, strict=True)] | Literal["all"], ONE_MESSAGE]
    density_runs: Annotated[int, Field(ge=2)]
    density_steps: Annotated[int, Field(ge=2)]
    surface_directions: tuple[Literal["filter_normalised", "hessian"], ...]
    surface_points: Annotated[int, Field(ge=3)]
    surface_span: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    surface_rows: Annotated[Annotated[int, Field(ge=40, strict=True)] | Literal["all"], ONE_MESSAGE]
    connectivity_epochs: Annotated[int, Field(ge=1)]
    connectivity_learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    connectivity_batch_size: Annotated[int, Field(ge=1)]
    connectivity_points: Annotated[int, Field(ge=3)]

    @model_validator(mode="after")
    def _shows_the_network(self) -> Self:
        if self.surface_points % 2 == 0:
            raise ValueError(
                f"surface_points is {self.surface_points}; expected an odd number, for a point in the middle"
            )
        return self

    def planned(self) -> Iterator[Planned]:
        """What the spectral density tells of a cell, where there is one."""
        if self.precisions and self.seeds:
            yield Planned(family="landscape", measures=("negative_spectral_mass",))

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """What cannot be selected, and more pairs of seeds than there are."""
        yield from super().misfits(axes)
        pairs = math.comb(len(axes.seeds), 2)
        # One pair is what conf/base asks for, and one seed has none.
        if isinstance(self.pairs, int) and self.pairs > max(pairs, 1):
            yield "pairs", f"is {self.pairs}; expected 0 to {pairs}, the pairs of {len(axes.seeds)} seeds, or all"
