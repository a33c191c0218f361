"""The playbook as lists to read: what each rule and template says, when it applies, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from pydantic import BaseModel

from model.playbook.book import Playbook
from model.playbook.compliance import ComplianceRule
from model.playbook.conditions import Condition
from model.playbook.kinds import (
    REMEDY_NAMES,
    Amount,
    DeadlineRule,
    EvidenceRule,
    FreightRule,
    NoteRule,
    RemedyRule,
    StageRule,
    StepsRule,
    TermRule,
)
from model.playbook.rules import Rule
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
PAYER_NAMES = {"shop": "店铺承担", "buyer": "买家承担", "split": "各承担一半"}
EVERY_ISSUE = "*"
_VALUES = {
    "goods_value": "商品价值",
    "affected_value": "有问题的那几件的价值",
    "price_drop": "降价的差额",
    "freight_paid": "垫付的运费",
    "order_amount": "订单实付",
}
_UNITS = {"seconds": "秒", "hours": "小时", "days": "天", "end_of_day": "天（到当天结束）", "working_days": "个工作日"}


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
    names = _Names(playbook, taxonomy)
    kinds = [
        Section(name.removesuffix(".yaml"), KIND_NAMES[name], [names.listed(item.entry) for item in placed])
        for name, placed in playbook.sources.rules.items()
    ]
    compliance = [names.listed(item.entry) for item in playbook.sources.compliance]
    kinds.append(Section("compliance", KIND_NAMES["compliance.yaml"], compliance))
    by_issue: dict[str, list[Listed]] = {}
    for item in playbook.sources.templates:
        by_issue.setdefault(item.entry.issues[0], []).append(names.listed(item.entry))
    return Catalogue(kinds, [Section(code, names.of_issue(code), entries) for code, entries in by_issue.items()])


class _Names:
    """Codes in the words that the shop uses."""

    def __init__(self, playbook: Playbook, taxonomy: Taxonomy) -> None:
        self._facts = playbook.fact_names
        self._issues = {issue.code: issue.name for issue in taxonomy.issues}
        self._issues |= {f"group:{group.code}": f"{group.name}（通用）" for group in taxonomy.groups}
        self._customers = {customer.code: customer.name for customer in taxonomy.customers}
        self._values: Mapping[str, Mapping[str, str]] = {
            **playbook.value_names,
            "remedy": REMEDY_NAMES,
            "customer": self._customers,
        }

    def of_issue(self, code: str) -> str:
        return self._issues.get(code, code)

    def listed(self, entry: Rule | Template | ComplianceRule) -> Listed:
        data = entry.model_dump(mode="json", exclude_defaults=True, by_alias=True)
        if isinstance(entry, Rule | Template):
            for part in ("when", "given", "unless"):
                if part in data:
                    data[part] = {name: _short(condition) for name, condition in getattr(entry, part).items()}
        return Listed(entry.id, self._conditions(entry), _says(entry), entry.source, data)

    def _conditions(self, entry: Rule | Template | ComplianceRule) -> str:
        if isinstance(entry, ComplianceRule):
            return ""
        groups = [[self.of_issue(code) for code in entry.issues if code != EVERY_ISSUE]]
        if isinstance(entry, Template):
            groups.append([self._customers.get(code, code) for code in entry.customers])
            groups.append([REMEDY_NAMES.get(code, code) for code in entry.remedies])
        words = ["、".join(names) for names in groups if names]
        given = getattr(entry, "given", {})
        for title, conditions in (("当", entry.when), ("已知", given), ("除非", entry.unless)):
            words += [f"{title}{self._condition(name, wanted)}" for name, wanted in conditions.items()]
        return "；".join(words)

    def _condition(self, name: str, wanted: Condition) -> str:
        fact, values = self._facts.get(name, name), self._values.get(name, {})
        if wanted.values:
            return f"{fact}：{'、'.join(values.get(str(value), _plain(value)) for value in wanted.values)}"
        if wanted.contains:
            return f"{fact}写到{'、'.join(wanted.contains)}"
        bounds = [
            f"{word}{bound.normalize():f}"
            for word, bound in (("至少", wanted.min), ("至多", wanted.max))
            if bound is not None
        ]
        return f"{fact}{'、'.join(bounds)}"


def _short(condition: Condition) -> Any:
    """A condition as it is written in YAML."""
    if condition.values:
        values = [value if isinstance(value, bool | int | str) else str(value) for value in condition.values]
        return values[0] if len(values) == 1 else values
    return condition.model_dump(mode="json", exclude_defaults=True)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(value)


@singledispatch
def _says(entry: BaseModel) -> str:
    """What follows, in one sentence."""
    raise NotImplementedError(type(entry))


@_says.register
def _(entry: Template) -> str:
    return f"〔{STAGE_NAMES[entry.stage]}〕{entry.text}"


@_says.register
def _(entry: RemedyRule) -> str:
    words = [REMEDY_NAMES[entry.remedy]]
    if entry.alternatives:
        words.append(f"也可以{'、'.join(REMEDY_NAMES[remedy] for remedy in entry.alternatives)}")
    if entry.amount is not None:
        words.append(_amount(entry.amount))
    return "；".join(words)


def _amount(amount: Amount) -> str:
    if amount.fixed is not None:
        return f"{amount.fixed:f} 元"
    if amount.first_single is not None:
        return f"首次买一件约 {amount.first_single:f} 元，老客户或多件约 {amount.otherwise:f} 元"
    if amount.small_share_of is not None:
        return f"{_VALUES[amount.small_share_of]}的一小部分（比例见店铺政策）"
    words = f"按{_VALUES[amount.value_of or 'goods_value']}"
    if amount.depreciation_per_day is not None:
        words += f"，每天折旧 {amount.depreciation_per_day * 100:f}%"
    return words


@_says.register
def _(entry: FreightRule) -> str:
    legs = (("寄给买家", entry.outbound), ("买家寄回", entry.return_))
    words = [f"{leg}：{PAYER_NAMES[payer]}" for leg, payer in legs if payer is not None]
    return "；".join([*words, *([entry.note] if entry.note else [])])


@_says.register
def _(entry: TermRule) -> str:
    return f"{entry.months} 个月"


@_says.register
def _(entry: DeadlineRule) -> str:
    ((unit, length),) = entry.period.model_dump(exclude_none=True).items()
    return f"{entry.step}（{length} {_UNITS[unit]}）"


@_says.register
def _(entry: EvidenceRule) -> str:
    return f"{'买家' if entry.of == 'buyer' else '店铺'}：{entry.item}"


@_says.register
def _(entry: StepsRule) -> str:
    return "；".join(entry.steps)


@_says.register
def _(entry: StageRule) -> str:
    return STAGE_NAMES[entry.stage]


@_says.register
def _(entry: NoteRule) -> str:
    return entry.note


@_says.register
def _(entry: ComplianceRule) -> str:
    return f"{entry.name}：{entry.instead}。查的词：{'，'.join(entry.words)}"
