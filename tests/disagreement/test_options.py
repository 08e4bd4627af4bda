"""What may be asked of the disagreement stage."""

import pytest
from pydantic import ValidationError

from lowland.disagreement import DisagreementOptions
from tests.base_options import base


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"uncertainties": ["margin", "margin"]}, "uncertainties names an entry twice"),
        ({"uncertainties": []}, "at least 1 item"),
        ({"uncertainties": ["vibes"]}, "margin"),
        ({"scaled": ["gini", "gini"]}, "scaled names an entry twice"),
        ({"calibration_bins": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(changes, told):
    with pytest.raises(ValidationError, match=told):
        DisagreementOptions(**base("disagreement", **changes))


def test_none_scales_nothing():
    assert DisagreementOptions(**base("disagreement", scaled="none")).scaled == ()
