"""Whether a candidate may become the version in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from model.comparison import Comparison, LabelChange
from model.paths import ROOT
from model.validated_yaml import read_yaml

GATE = ROOT / "model" / "gate.yaml"
Points = Annotated[float, Field(ge=0, le=100)]


class Gate(BaseModel):
    """The limits; `gate.yaml` says what each means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy_drop_points: Points
    label_drop_points: Points
    label_min_examples: Annotated[int, Field(ge=1)]
    new_labels_agreement: Annotated[float, Field(ge=0, le=1)]
    new_labels_min: Annotated[int, Field(ge=1)]


def load_gate(path: Path = GATE) -> Gate:
    """Read the limits.

    Raises:
        InputError: the file is not valid; names line and key.
    """
    return read_yaml(path, Gate)


def refusals(comparison: Comparison, gate: Gate) -> list[str]:
    """Why the candidate may not be promoted, for people; empty when it may."""
    reasons = []
    before, after = comparison.champion, comparison.candidate
    for name, old, new in (
        ("问题类型", before.issue_accuracy, after.issue_accuracy),
        ("客户类型", before.customer_accuracy, after.customer_accuracy),
    ):
        if _points(old - new) > gate.accuracy_drop_points:
            reasons.append(f"{name}准确率由 {old:.2%} 降到 {new:.2%}，超过 {gate.accuracy_drop_points:g} 个点")
    reasons += [
        f"{label.name}（{label.code}，{label.support} 条）的 F1 由 {label.champion_f1:.1%} "
        f"降到 {label.candidate_f1:.1%}，超过 {gate.label_drop_points:g} 个点；{_advice(label)}"
        for label in comparison.labels
        if label.support >= gate.label_min_examples
        and _points(label.champion_f1 - label.candidate_f1) > gate.label_drop_points
    ]
    reasons += [
        f"{labels.where}的 {labels.n} 个新标签像是标乱了：正使用的版本应答对约 {labels.champion_expected:.0%}，"
        f"按这些标签只对 {labels.champion_agrees:.0%}；抽查几十条，标错了的改过来再训练"
        for labels in comparison.new_labels
        if labels.n >= gate.new_labels_min
        and labels.champion_agrees < gate.new_labels_agreement * labels.champion_expected
    ]
    return reasons


def _advice(label: LabelChange) -> str:
    test = label.mcnemar
    counts = f"是不是这一类，改错 {test.only_champion} 条、改对 {test.only_candidate} 条"
    if test.may_be_chance:
        return f"{counts}，可能只是偶然（p = {test.p_value:.2g}）：多标一些这一类的消息再训练"
    return f"{counts}，不像偶然（p = {test.p_value:.2g}）：查一查这一类和与它相近的类里新标的消息"


def _points(share: float) -> float:
    """Percentage points, without the noise of binary fractions at the limit."""
    return round(100 * share, 6)
