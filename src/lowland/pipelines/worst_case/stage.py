"""The worst bit policy of every cell."""

from __future__ import annotations

from dataclasses import replace

from lowland.stages import MEASURED, Artifact, Expectation, NodeTemplate, Stage, picture, rows

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


def _student(kind: str) -> Artifact:
    return Artifact(
        name=f"{kind}_student",
        kind="model",
        path=f"{MEASURED}/students/{PLACE}/{{precision}}.{kind}.safetensors",
        layer="models",
    )


KINDS = ("detrimental", "robust", "control")
OF_STUDENTS = ("params:run", "params:task", "params:worst_case", "params:worst_case_students", "splits")
TEACHING = NodeTemplate(
    name="teach_students",
    part="students",
    function="lowland.pipelines.worst_case.student_nodes.teach_students",
    level="students",
    selection="worst_case_students",
    inputs=(*OF_STUDENTS, "trained"),
    outputs=tuple(_student(kind) for kind in KINDS),
    where=("worst_case.choices", "descriptions.{task}.names_classes"),
)
JUDGING = replace(
    TEACHING,
    name="judge_students",
    function="lowland.pipelines.worst_case.student_nodes.judge_students",
    inputs=(*OF_STUDENTS, *(f"{kind}_student" for kind in KINDS)),
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
        NodeTemplate(
            name="protect_from_policies",
            part="policy_protection",
            function="lowland.pipelines.worst_case.protection_nodes.protect_from_policies",
            level="cell",
            inputs=(
                "params:cell",
                "params:precision",
                "params:task",
                "params:worst_case",
                "params:worst_case_protection",
                "splits",
                "trained",
                "model",
            ),
            outputs=(rows("policy_protection"), PROTECTION),
            selection="worst_case_protection",
            expects=(Expectation("worst_case", "protected_drop"),),
            where=("worst_case.choices",),
        ),
        NodeTemplate(
            name="diagnose_worst_inputs",
            part="policy_diagnosis",
            function="lowland.pipelines.worst_case.diagnosis_nodes.diagnose_worst_inputs",
            level="cell",
            inputs=(
                "params:cell",
                "params:task",
                "params:worst_case",
                "params:worst_case_diagnosis",
                "splits",
                "model",
                "worst_policy",
            ),
            outputs=(rows("policy_diagnosis"), INPUTS),
            selection="worst_case_diagnosis",
            expects=(Expectation("worst_case", "broken_auroc"),),
            where=("worst_case.choices",),
        ),
        NodeTemplate(
            name="judge_input_policies",
            part="input_policies",
            function="lowland.pipelines.worst_case.input_policy_nodes.judge_input_policies",
            level="cell",
            inputs=(
                "params:cell",
                "params:task",
                "params:worst_case",
                "params:worst_case_inputs",
                "splits",
                "model",
                "worst_policy",
            ),
            outputs=(rows("input_policies"), INPUT_POLICIES),
            selection="worst_case_inputs",
            expects=(Expectation("worst_case", "input_policy_gain"),),
            where=("worst_case.choices",),
        ),
        TEACHING,
        JUDGING,
    ),
)
