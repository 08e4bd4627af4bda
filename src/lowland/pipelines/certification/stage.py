"""What is proved of the cells that parameters select: float networks under rounding, integer networks as they are."""

from __future__ import annotations

from lowland.measurements import WITH_CODES
from lowland.stages import MEASURED, Artifact, Expectation, NodeTemplate, Stage, picture, rows

FILE = f"{MEASURED}/certification/{{task}}/{{recipe}}/{{seed}}/{{precision}}"
ROWS = rows("certification")
CERTIFICATE = Artifact(
    name="certificate",
    kind="json",
    path=f"{FILE}.certificate.json",
    layer="model output",
    missing_ok=True,
    remark="what is proved of what: arithmetic, rows, box, stored words, encoding, widths, ties, number of bits",
)
FRONTIER = picture("upset_safety", path=f"{FILE}.upset_safety.parquet")


def _certifying(function: str, methods: tuple[str, ...], *outputs: Artifact) -> NodeTemplate:
    return NodeTemplate(
        name=function,
        function=f"lowland.pipelines.certification.nodes.{function}",
        level="cell",
        selection="certification",
        methods=methods,
        inputs=("params:cell", "params:task", "params:certification", "splits", "trained", "model"),
        outputs=(ROWS, CERTIFICATE, *outputs),
        expects=(Expectation("certificate", "certificate"),),
        where=("certification.statements",),
    )


STAGE = Stage(
    name="certification",
    nodes=(
        _certifying("certify_rounding", ("float",)),
        _certifying("certify_deployed", WITH_CODES, FRONTIER),
    ),
)
