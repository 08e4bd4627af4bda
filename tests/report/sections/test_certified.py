"""The section of what is proved: only where there is something, sentences with never, table and figures."""

import pandas as pd

from lowland.measurements import stack
from tests.made_study.certificates import certificates
from tests.made_study.pictures import upset_safety
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables


def proved(tiny, **options):
    return Tables.of(stack([tiny, certificates()])).inputs(**options)


def test_it_stands_only_where_something_is_proved(tiny):
    assert section_of("certified", Tables.of(tiny).inputs()) == ""


def test_it_tells_tables_and_draws(tiny):
    page = section_of("certified", proved(tiny, pictures={"upset_safety": upset_safety()}))
    text = text_of(page)
    assert "one of the 100 bits that store its weights and biases" in text and "never changes the class" in text
    assert "bits for 95 %" in text and "93 %" in text
    assert 'id="upset_safety-jets"' in page and 'id="rounding-jets"' in page


def test_without_pictures_nothing_is_drawn_of_them(tiny):
    page = section_of("certified", proved(tiny, pictures={"upset_safety": pd.DataFrame()}))
    assert "upset_safety-jets" not in page and "never changes the class" in text_of(page)
