"""One self-contained page: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs
from lowland.report.labels import predictor_label
from lowland.report.packed import packed
from lowland.report.section import Section
from lowland.report.sections import SECTIONS
from lowland.report.style import DASH, MINUS


def render_page(inputs: ReportInputs, *, sections: Sequence[Section] = SECTIONS) -> str:
    """The report as one HTML page that needs nothing else: no network, no fonts, no other file.

    Equal inputs give equal bytes: element ids are fixed and there is neither a date nor anything random in it.

    Args:
        inputs: What it is made of.
        sections: Its parts, in their order; those that do not apply are left out.

    Returns:
        HTML with the answer in the element with id ``answer``.
    """
    figures = FigureRegistry()
    shown = [section for section in sections if section.applies(inputs)]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            size=inputs.size,
            imported=inputs.imported,
            contents=[(section.name, section.heading(inputs)) for section in shown],
            sections=[render_section(section, inputs, figures) for section in shown if not section.is_detail],
            details=[
                (section.name, section.heading(inputs), render_section(section, inputs, figures))
                for section in shown
                if section.is_detail
            ],
            plotly=packed(get_plotlyjs(), "plotly-packed"),  # the library's own text, once
            figures=packed(figures.as_json(), "figures-packed"),
        )
    )


def render_section(section: Section, inputs: ReportInputs, figures: FigureRegistry) -> Markup:
    """One part of the page as HTML.

    Args:
        section: Which.
        inputs: What the page is made of.
        figures: Takes the section's figures.
    """
    context = section.context(inputs, figures)
    template = _environment().get_template(section.template)
    of_all = {"several": len(inputs.tasks) > 1, "imported": inputs.imported}
    return Markup(template.render(**of_all, **context))  # the template escapes


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lowland.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "capital": lambda words: words[:1].upper() + words[1:],
        "predictor": predictor_label,
        "signed": lambda value: f"{value:+.2f}".replace("-", MINUS),
        "decimal": lambda value: DASH if value is None or value != value else f"{value:.2f}".replace("-", MINUS),
        "thousands": "{:,}".format,
        "plural": lambda count, word, many="": word if count == 1 else many or f"{word}s",
    }
    return environment
