"""Write `docs/claims.md`: what published studies claim, and what ours say of it; no number of ours is typed.

    python -m scripts.describe_claims data data/shift data/shift_text data/worst_case data/plane \\
        --answers shift_answers --ranking fault_ranking --screening screening

Folders of finished studies, as many as there are; `--answers` is where `scripts.describe_shift --answers` left what
their networks answer, `--ranking` what `benchmarks.fault_ranking.write` made, `--screening` what `benchmarks.screening`
did. What is not given is not tested. Published figures and reasons stand in `scripts/claims.yml`, the text in
`scripts/claims.md.j2`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from scripts.claim_verdicts import CLAIMS, Sources

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("claims.md.j2")
PUBLISHED = Path(__file__).with_name("claims.yml")
TARGETS = Path(__file__).with_name("worst_case_published.yml")
PAGE = ROOT / "docs" / "claims.md"


def page(sources: Sources) -> str:
    """The page as Markdown."""
    papers = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    for paper in papers:
        for claim in paper["claims"]:
            test = CLAIMS.get(claim["key"])
            claim["findings"] = [] if test is None else list(test(sources))
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    names = [study.name if study.name != "data" else "the base study" for study in sources.studies]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(papers=papers, studies=names)


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", help="data folders of finished studies")
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--ranking", type=Path)
    parser.add_argument("--screening", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    for study in arguments.studies:
        if not (study / "08_reporting" / "study.yml").is_file():
            raise SystemExit(
                f"{study}: 08_reporting/study.yml is missing; expected the data folder of a finished study"
            )
    targets = yaml.safe_load(TARGETS.read_text(encoding="utf-8"))["targets"]
    screening = None if arguments.screening is None else pd.read_parquet(arguments.screening / "scores.parquet")
    text = page(Sources(arguments.studies, arguments.answers, arguments.ranking, targets, screening))
    arguments.page.write_text(text, encoding="utf-8")
    print(arguments.page)


if __name__ == "__main__":
    main()
