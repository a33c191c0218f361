"""The playbook as a whole: read its files and layers, check them against each other and the taxonomy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from model.context import Context
from model.conversation import CONVERSATION_FACTS, Moves
from model.derived_facts import DERIVED
from model.errors import InputError
from model.facts import FactFinder
from model.opening_hours import OpeningHours
from model.paths import PLAYBOOK, playbook_overrides
from model.playbook.compliance import Compliance, ComplianceFile, ComplianceRule
from model.playbook.cues import CueFile
from model.playbook.kinds import (
    DeadlineRule,
    EvidenceRule,
    FreightRule,
    NoteRule,
    RemedyKind,
    RemedyRule,
    StageRule,
    StepsRule,
    TermRule,
)
from model.playbook.layers import Placed, layered, read_settings
from model.playbook.policy import Policy
from model.playbook.product_lines import ProductLine, read_product_lines
from model.playbook.rules import Rule, RuleFile, RuleSet
from model.playbook.templates import Template, TemplateFile
from model.taxonomy import Taxonomy
from model.validated_yaml import read_yaml

RULE_FILES = (
    "remedies.yaml",
    "freight.yaml",
    "guarantees.yaml",
    "deadlines.yaml",
    "evidence.yaml",
    "procedures.yaml",
    "customers.yaml",
    "stages.yaml",
    "statutory.yaml",
    "reviews.yaml",
)
OTHER_FILES = ("facts.yaml", "policy.yaml", "product_lines.yaml", "cues.yaml", "compliance.yaml")
# Facts of the case that stand neither in the context nor in the text: the classifier's and the engine's own.
CASE_FACTS = {
    "issue": "问题类型",
    "customer": "客户类型",
    "stage": "回复阶段",
    "sure": "问题类型判断有把握",
    "remedy": "建议的处理方式",
    "unit": "买家数件数用的量词",
    "in_guarantee": "在三包期内（guarantees.yaml）",
}


class FactsFile(BaseModel):
    """`facts.yaml`: names, what to ask while a fact is unknown, which facts are merely incidental to a reply.

    Attributes:
        values: by fact, the names of its values.
        closed: facts of which all values are listed, so that there is nothing else they may be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: dict[str, str]
    values: dict[str, dict[str, str]]
    questions: dict[str, str]
    incidental: tuple[str, ...]
    closed: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Playbook:
    """Templates and rules, ready to be asked. Rule sets are by issue code.

    Attributes:
        fact_names: by fact, its name for the agent.
        value_names: by fact, the names of its values.
        questions: by fact, what to ask while it is unknown.
        incidental: facts that make a reply friendlier, not righter.
        sources: the rules and templates with the files they stand in, for the page and the check.
    """

    policy: Policy
    product_lines: dict[str, ProductLine]
    fact_names: dict[str, str]
    value_names: dict[str, dict[str, str]]
    questions: dict[str, str]
    incidental: frozenset[str]
    cues: CueFile
    compliance: Compliance
    templates: dict[str, tuple[Template, ...]]
    remedies: dict[str, RuleSet[RemedyRule]]
    freight: dict[str, RuleSet[FreightRule]]
    terms: dict[str, RuleSet[TermRule]]
    deadlines: dict[str, RuleSet[DeadlineRule]]
    evidence: dict[str, RuleSet[EvidenceRule]]
    procedures: dict[str, RuleSet[StepsRule]]
    handling: dict[str, RuleSet[StepsRule]]
    stages: dict[str, RuleSet[StageRule]]
    statutory: dict[str, RuleSet[NoteRule]]
    reviews: dict[str, RuleSet[NoteRule]]
    sources: Sources

    @cached_property
    def fact_finder(self) -> FactFinder:
        """Finds facts in messages."""
        return FactFinder(self.cues.facts)

    @cached_property
    def opening_hours(self) -> OpeningHours:
        """When the shop answers."""
        return OpeningHours(self.policy)

    @cached_property
    def moves(self) -> Moves:
        """Finds moves of the conversation."""
        return Moves(self.cues.moves.compiled)


@dataclass(frozen=True)
class Sources:
    """Every entry of the playbook with the file it stands in."""

    rules: dict[str, list[Placed[Rule]]]
    compliance: list[Placed[ComplianceRule]]
    templates: list[Placed[Template]]


def read_playbook(taxonomy: Taxonomy, folder: Path = PLAYBOOK, overrides: Path | None = None) -> Playbook:
    """The playbook as its files say it, each valid in itself; `check.problems` tells whether they fit together."""
    own = overrides or playbook_overrides()
    folders = (folder, *([own] if own else []))
    if own:
        _check_own_folder(own)
    facts = read_settings("facts.yaml", FactsFile, folders)
    codes = tuple(taxonomy.issue_by_code)
    rules: dict[str, list[Placed[Rule]]] = {}

    def sets(name: str, kind: type[R]) -> dict[str, RuleSet[R]]:
        placed = _read_rules(name, kind, folders)
        general: list[Placed[Rule]] = [Placed(item.entry, item.path) for item in placed]
        rules[name] = general
        by_issue: dict[str, list[R]] = {code: [] for code in codes}
        for item in placed:
            for code in expand_issues(item, taxonomy):
                by_issue[code].append(item.entry)
        return {code: RuleSet(entries, facts.closed) for code, entries in by_issue.items()}

    compliance = layered(
        [(path, file.rules, file.disabled) for path, file in _files("compliance.yaml", ComplianceFile, folders)]
    )
    templates = _read_templates(folders)
    by_issue: dict[str, list[Template]] = {code: [] for code in codes}
    for item in templates:
        for code in expand_issues(item, taxonomy):
            by_issue[code].append(item.entry)
    product_lines = read_product_lines(folders)
    return Playbook(
        policy=read_settings("policy.yaml", Policy, folders),
        product_lines=product_lines,
        fact_names=facts.names,
        value_names={**facts.values, "product_line": {code: line.word for code, line in product_lines.items()}},
        questions=facts.questions,
        incidental=frozenset(facts.incidental),
        cues=read_settings("cues.yaml", CueFile, folders),
        compliance=Compliance(item.entry for item in compliance),
        templates={code: tuple(entries) for code, entries in by_issue.items()},
        remedies=sets("remedies.yaml", RemedyRule),
        freight=sets("freight.yaml", FreightRule),
        terms=sets("guarantees.yaml", TermRule),
        deadlines=sets("deadlines.yaml", DeadlineRule),
        evidence=sets("evidence.yaml", EvidenceRule),
        procedures=sets("procedures.yaml", StepsRule),
        handling=sets("customers.yaml", StepsRule),
        stages=sets("stages.yaml", StageRule),
        statutory=sets("statutory.yaml", NoteRule),
        reviews=sets("reviews.yaml", NoteRule),
        sources=Sources(rules, compliance, templates),
    )


R = TypeVar("R", bound=Rule)
F = TypeVar("F", bound=BaseModel)


def _check_own_folder(own: Path) -> None:
    if not own.is_dir():
        raise InputError("没有这个文件夹", remedy="请改正 SHOUHOU_PLAYBOOK_DIR", path=own)
    allowed = (*RULE_FILES, *OTHER_FILES)
    for path in sorted(own.glob("*.y*ml")):
        if path.name not in allowed:
            raise InputError(
                "不是话术与规则的文件",
                remedy=f"改名为 {'、'.join(allowed)} 之一，话术则放进 templates/",
                path=path,
            )


def _files(name: str, model: type[F], folders: Sequence[Path]) -> Iterator[tuple[Path, F]]:
    for folder in folders:
        path = folder / name
        if folder is folders[0] or path.exists():
            yield path, read_yaml(path, model)


def _read_rules(name: str, kind: type[R], folders: Sequence[Path]) -> list[Placed[R]]:
    model: Callable[..., type[RuleFile[R]]] = RuleFile.__class_getitem__  # type: ignore[assignment]
    return layered([(path, file.rules, file.disabled) for path, file in _files(name, model(kind), folders)])


def _read_templates(folders: Sequence[Path]) -> list[Placed[Template]]:
    paths = [path for folder in folders for path in sorted((folder / "templates").glob("*.yaml"))]
    files = [(path, read_yaml(path, TemplateFile)) for path in paths]
    return layered([(path, file.templates, file.disabled) for path, file in files])


def expand_issues(item: Placed[R] | Placed[Template], taxonomy: Taxonomy) -> list[str]:
    """Issue codes that an entry is for; `*` and `group:CODE` are written out.

    Raises:
        InputError: an unknown issue.
    """
    codes: list[str] = []
    for name in item.entry.issues:
        if name == "*":
            members = list(taxonomy.issue_by_code)
        elif name.startswith("group:"):
            members = [issue.code for issue in taxonomy.issues if issue.group == name.removeprefix("group:")]
        else:
            members = [name] if name in taxonomy.issue_by_code else []
        if not members:
            raise item.mistake(f"没有问题类型 {name}", "写 taxonomy.yaml 里的代码、group:大类代码，或 *")
        codes += [code for code in members if code not in codes]
    return codes


def known_facts_of(playbook: Playbook) -> set[str]:
    """Names that conditions may use."""
    told = {fact.fact for fact in playbook.cues.facts}
    return {*Context.model_fields, *DERIVED, *CONVERSATION_FACTS, *CASE_FACTS, *told}


REMEDIES = frozenset(RemedyKind)
