"""The worst bit policy of every cell."""

from __future__ import annotations

from dataclasses import replace

from lowland.stages import MEASURED, Artifact, Expectation, NodeTemplate, Stage, picture, rows
from lowland.vocabulary.worst_case_measures import STUDENTS

PLACE = "{task}/{recipe}/{seed}"
FILE = f"{MEASURED}/worst_case/{PLACE}/{{precision}}"
POLICY = Artifact(
    name="worst_policy",
    kind="json",
    path=f"{FILE}.policy.json",
    layer="model output",
    missing_ok=True,
    remark="the static policy found to cost most, and how it was found",
)
SEARCH = picture("policy_search", path=f"{FILE}.policy_search.parquet")
PROTECTION = Artifact(
    name="policy_protection",
    kind="json",
    path=f"{MEASURED}/policy_protection/{PLACE}/{{precision}}.protection.json",
    layer="model output",
    missing_ok=True,
    remark="what each protection chose, and the worst policy found against it",
)
INPUT_POLICIES = Artifact(
    name="input_policies",
    kind="json",
    path=f"{MEASURED}/input_policies/{PLACE}/{{precision}}.policies.json",
    layer="model output",
    missing_ok=True,
    remark="policies that choose widths for each input, what they spend, and how they were found",
)
INPUTS = picture("worst_inputs", path=f"{MEASURED}/policy_diagnosis/{PLACE}/{{precision}}.inputs.parquet")


def _searching(function: str, methods: tuple[str, ...], *inputs: str) -> NodeTemplate:
    return NodeTemplate(
        name=function,
        part="policies",
        function=f"lowland.pipelines.worst_case.nodes.{function}",
        level="cell",
        methods=methods,
        inputs=inputs,
        outputs=(rows("worst_case"), POLICY, SEARCH),
        expects=(Expectation("worst_case"),),
        where=("worst_case.choices",),
    )


def _of_selected(
    function: str, part: str, option: str, inputs: tuple[str, ...], artifact: Artifact, measure: str
) -> NodeTemplate:
    """A node of the cells that an option selects, in a part and a file of nodes of its own."""
    return NodeTemplate(
        name=function.rpartition(".")[2],
        part=part,
        function=f"lowland.pipelines.worst_case.{function}",
        level="cell",
        inputs=("params:cell", "params:task", "params:worst_case", f"params:{option}", "splits", *inputs),
        outputs=(rows(part), artifact),
        selection=option,
        expects=(Expectation("worst_case", measure),),
        where=("worst_case.choices",),
    )


def _student(name: str) -> Artifact:
    return Artifact(
        name=name, kind="model", path=f"{MEASURED}/students/{PLACE}/{{precision}}.{name}.safetensors", layer="models"
    )


OF_STUDENTS = ("params:run", "params:task", "params:worst_case", "params:worst_case_students", "splits")
TEACHING = NodeTemplate(
    name="teach_students",
    part="students",
    function="lowland.pipelines.worst_case.student_nodes.teach_students",
    level="students",
    selection="worst_case_students",
    inputs=(*OF_STUDENTS, "trained"),
    outputs=tuple(_student(name) for name in STUDENTS),
    where=("worst_case.choices", "descriptions.{task}.names_classes"),
)
JUDGING = replace(
    TEACHING,
    name="judge_students",
    function="lowland.pipelines.worst_case.student_nodes.judge_students",
    inputs=(*OF_STUDENTS, *STUDENTS),
    outputs=(
        rows("students"),
        Artifact(
            name="student_pairs",
            kind="json",
            path=f"{MEASURED}/students/{PLACE}/{{precision}}.pairs.json",
            layer="model output",
            missing_ok=True,
            remark="policies that were searched for students, and how they were found",
        ),
    ),
    expects=(Expectation("worst_case", "student_accuracy"),),
)

STAGE = Stage(
    name="worst_case",
    nodes=(
        _searching(
            "search_worst_policy",
            ("qat", "ptq", "weight_only", "imported"),
            *("params:cell", "params:task", "params:worst_case", "splits", "model"),
        ),
        _searching(
            "search_worst_policy_and_rescale",
            ("float", "dynamic"),
            *("params:cell", "params:precision", "params:task", "params:worst_case", "splits", "trained", "model"),
        ),
        _of_selected(
            "protection_nodes.protect_from_policies",
            "policy_protection",
            "worst_case_protection",
            ("params:precision", "trained", "model"),
            PROTECTION,
            "protected_drop",
        ),
        _of_selected(
            "diagnosis_nodes.diagnose_worst_inputs",
            "policy_diagnosis",
            "worst_case_diagnosis",
            ("model", "worst_policy"),
            INPUTS,
            "broken_auroc",
        ),
        _of_selected(
            "input_policy_nodes.judge_input_policies",
            "input_policies",
            "worst_case_inputs",
            ("model", "worst_policy"),
            INPUT_POLICIES,
            "input_policy_gain",
        ),
        TEACHING,
        JUDGING,
    ),
)
