"""What conf/base says, for tests that need options and care for few of them."""

from functools import cache
from pathlib import Path

import yaml

BASE = Path(__file__).resolve().parents[1] / "conf/base"


@cache
def _parameters():
    files = (yaml.safe_load(path.read_text("utf-8")) or {} for path in sorted(BASE.glob("parameters*.yml")))
    return {name: value for content in files for name, value in content.items()}


def base(parameter, **changes):
    """The options of one part of the study, some of them changed."""
    return _parameters()[parameter] | changes
