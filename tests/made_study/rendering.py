"""The page, or one of its sections, as HTML and as text."""

import base64
import gzip
import html
import json
import re

from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs
from lowland.report.page import render_section
from lowland.report.sections import SECTIONS


def section_of(name: str, inputs: ReportInputs) -> str:
    """The HTML of one section; empty where it does not apply."""
    (section,) = [each for each in SECTIONS if each.name == name]
    return str(render_section(section, inputs, FigureRegistry())) if section.applies(inputs) else ""


def text_of(page: str) -> str:
    """What a reader reads."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare)))


def without_scripts(page: str) -> str:
    """The page without its scripts."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def figures_of(page: str) -> dict:
    """The figures of a page by their ids."""
    return json.loads(unpacked(page, "figures-packed"))


def unpacked(page: str, name: str) -> str:
    """What a page carries packed."""
    found = re.search(f'<script type="application/gzip" id="{name}">([^<]*)</script>', page)
    return gzip.decompress(base64.b64decode(found.group(1))).decode()


def places_of(page: str) -> set[str]:
    """Ids of the places where figures stand."""
    return set(re.findall(r'<div class="figure[^"]*" id="([^"]+)"', page))
