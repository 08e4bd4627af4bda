"""What the landscape stage may be told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class LandscapeOptions(BaseModel):
    """How the scalar measures of one cell are computed.

    Attributes:
        backend: Who computes trace and largest eigenvalue: ``lowland``, or ``pyhessian`` for reference (slower,
            sampled).
        trace_method: ``auto`` (exact where the network is piecewise linear), ``exact`` or ``hutchinson``.
        num_probes: Probes where the trace is sampled.
        eigenvalue_tolerance: Relative error of the largest eigenvalue.
        input_noise_level: Gaussian input noise that ``input_curvature`` predicts, per cent of each feature's standard
            deviation in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Literal["lowland", "pyhessian"] = "lowland"
    trace_method: Literal["auto", "exact", "hutchinson"] = "auto"
    num_probes: Annotated[int, Field(ge=2)] = 100
    eigenvalue_tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    input_noise_level: Annotated[float, Field(gt=0, le=100)] = 10.0
