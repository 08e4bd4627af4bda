"""What Brevitas does to whole networks after training; importing it warns of packages of others."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
    from brevitas.graph.equalize import EqualizeGraph

__all__ = ["EqualizeGraph", "bias_correction_mode", "calibration_mode"]
