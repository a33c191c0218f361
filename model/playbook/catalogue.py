"""The playbook as lists to read: what each rule and template says, when it applies, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from model.playbook.book import Playbook
from model.playbook.conditions import Condition
from model.playbook.templates import STAGE_NAMES, Template
from model.taxonomy import Taxonomy

KIND_NAMES = {
    "remedies.yaml": "处理与补偿",
    "freight.yaml": "运费",
    "guarantees.yaml": "三包期",
    "deadlines.yaml": "时限",
    "evidence.yaml": "凭证",
    "procedures.yaml": "操作步骤",
    "customers.yaml": "客户应对",
    "stages.yaml": "回复阶段",
    "statutory.yaml": "法定权利提示",
    "reviews.yaml": "须人工处理",
    "compliance.yaml": "合规用语",
}
_SHARED = {"id", "source", "when", "given", "unless", "issues", "priority", "customers", "remedies", "text", "stage"}


@dataclass(frozen=True)
class Listed:
    """One rule or template. `data`: its fields as in the YAML file."""

    id: str
    conditions: str
    says: str
    source: str
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Its fields as in the YAML file, those that are left at their default left out."""
        return self.data


@dataclass(frozen=True)
class Section:
    """Entries of one kind, or of one issue."""

    code: str
    name: str
    entries: list[Listed]


@dataclass(frozen=True)
class Catalogue:
    """Rules by kind, templates by the first issue they serve."""

    kinds: list[Section]
    issues: list[Section]


def catalogue(playbook: Playbook, taxonomy: Taxonomy) -> Catalogue:
    """Everything, in the order of the files."""
    kinds = [
        Section(name.removesuffix(".yaml"), KIND_NAMES[name], [_listed(playbook, item.entry) for item in placed])
        for name, placed in playbook.sources.rules.items()
    ]
    compliance = [_listed(playbook, item.entry) for item in playbook.sources.compliance]
    kinds.append(Section("compliance", KIND_NAMES["compliance.yaml"], compliance))
    names = {issue.code: issue.name for issue in taxonomy.issues}
    names |= {f"group:{group.code}": f"{group.name}（通用）" for group in taxonomy.groups}
    by_issue: dict[str, list[Listed]] = {}
    for item in playbook.sources.templates:
        by_issue.setdefault(item.entry.issues[0], []).append(_listed(playbook, item.entry))
    return Catalogue(kinds, [Section(code, names.get(code, code), entries) for code, entries in by_issue.items()])


def _listed(playbook: Playbook, entry: BaseModel) -> Listed:
    data = entry.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    for part in ("when", "given", "unless"):
        if part in data:
            data[part] = {name: _short(condition) for name, condition in getattr(entry, part).items()}
    if isinstance(entry, Template):
        says = f"〔{STAGE_NAMES[entry.stage]}〕{entry.text}"
    else:
        says = "；".join(f"{key}：{_plain(value)}" for key, value in data.items() if key not in _SHARED)
    return Listed(
        id=data["id"],
        conditions=_conditions(playbook, data),
        says=says,
        source=data["source"],
        data=data,
    )


def _conditions(playbook: Playbook, data: Mapping[str, Any]) -> str:
    words = [f"{title}：{'、'.join(data[key])}" for key, title in _LISTS if key in data]
    for part, title in (("when", "当"), ("given", "已知"), ("unless", "除非")):
        words += [
            f"{title} {playbook.fact_names.get(name, name)} {_plain(wanted)}"
            for name, wanted in data.get(part, {}).items()
        ]
    return "；".join(words)


_LISTS = (("issues", "问题"), ("customers", "客户"), ("remedies", "处理"))


def _short(condition: Condition) -> Any:
    """A condition as it is written in YAML."""
    if condition.values:
        values = [value if isinstance(value, bool | int | str) else str(value) for value in condition.values]
        return values[0] if len(values) == 1 else values
    return condition.model_dump(mode="json", exclude_defaults=True)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return "，".join(f"{key} {_plain(item)}" for key, item in value.items())
    return str(value)
