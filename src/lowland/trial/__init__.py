"""A task tried on a few rows before a study: what is missing or wrong, all at once, in seconds."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.trial.findings import Findings
    from lowland.trial.network import AsDeployed
    from lowland.trial.trial import try_task
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = ["AsDeployed", "Findings", "try_task"]
