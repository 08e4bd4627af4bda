"""What a page carries packed is what went in, byte for byte the same each time."""

import base64
import gzip

from lowland.report.packed import packed


def test_it_unpacks_to_what_went_in():
    text = "</script>ü" * 1000
    element = packed(text, "some")
    assert element == packed(text, "some")
    opening, closing = '<script type="application/gzip" id="some">', "</script>"
    assert element.startswith(opening) and element.endswith(closing)
    data = element.removeprefix(opening).removesuffix(closing)
    assert gzip.decompress(base64.b64decode(data)).decode() == text
    assert len(element) < len(text) / 10
