"""The playbook as a whole: read its files, check them against each other and the taxonomy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from model.context import Context
from model.errors import InputError
from model.paths import ROOT
from model.playbook.rules import RemedyFile, RemedyRule, Rule
from model.playbook.templates import Template, TemplateFile
from model.taxonomy import Taxonomy
from model.validated_yaml import read_yaml

PLAYBOOK = ROOT / "model" / "playbook"


class Policy(BaseModel):
    """`policy.yaml`: the shop's own figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approval_above: Decimal = Field(ge=0)
    approval_above_share: Decimal = Field(ge=0, le=1)


class _Customers(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    handling: dict[str, tuple[str, ...]]


class _Stages(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    photo: frozenset[str]
    check: frozenset[str]
    person: frozenset[str]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    questions: dict[str, str]
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Playbook:
    """Templates and rules, ready to be asked.

    Attributes:
        templates: by issue code, in the order of the files.
        remedies: by issue code.
        handling: by customer type, steps in order.
        questions: by fact, what to ask while it is unknown.
    """

    templates: dict[str, tuple[Template, ...]]
    remedies: dict[str, tuple[RemedyRule, ...]]
    handling: dict[str, tuple[str, ...]]
    questions: dict[str, str]
    policy: Policy
    needs_photo: frozenset[str]
    needs_check: frozenset[str]
    needs_person: frozenset[str]


def load_playbook(taxonomy: Taxonomy, folder: Path = PLAYBOOK) -> Playbook:
    """Read and check the playbook.

    Raises:
        InputError: a file is missing or wrong: says file, line, entry and remedy.
    """
    facts_path = folder / "facts.yaml"
    facts = read_yaml(facts_path, _Facts)
    known = set(facts.questions) | set(facts.silent)
    if unknown := known - set(Context.model_fields):
        raise InputError(
            f"unknown fact {sorted(unknown)[0]}", remedy="use a fact of the API's context", path=facts_path
        )
    remedies_path = folder / "remedies.yaml"
    remedies = read_yaml(remedies_path, RemedyFile).rules
    check_ids(remedies, remedies_path)
    for rule in remedies:
        _check_rule(rule, taxonomy, known, remedies_path)
    handling = read_yaml(folder / "customers.yaml", _Customers).handling
    if missing := set(taxonomy.customer_by_code) - set(handling):
        raise InputError(f"no handling of {sorted(missing)[0]}", remedy="add its steps", path=folder / "customers.yaml")
    stages_path = folder / "stages.yaml"
    stages = read_yaml(stages_path, _Stages)
    if strangers := (stages.photo | stages.check | stages.person) - set(taxonomy.issue_by_code):
        raise InputError(
            f"unknown issue {sorted(strangers)[0]}", remedy="use a code of taxonomy.yaml", path=stages_path
        )
    return Playbook(
        templates=_load_templates(folder / "templates", taxonomy),
        remedies={code: tuple(r for r in remedies if code in r.issues) for code in taxonomy.issue_by_code},
        handling=handling,
        questions=facts.questions,
        policy=read_yaml(folder / "policy.yaml", Policy),
        needs_photo=stages.photo,
        needs_check=stages.check,
        needs_person=stages.person,
    )


def check_ids(entries: tuple[Template, ...] | tuple[RemedyRule, ...], path: Path) -> None:
    """Every id stands once.

    Raises:
        InputError: names the id that stands twice.
    """
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise InputError(f"id {entry.id} stands twice", remedy="give one of them another id", path=path)
        seen.add(entry.id)


def _check_rule(rule: Rule, taxonomy: Taxonomy, known: set[str], path: Path) -> None:
    for code in rule.issues:
        if code not in taxonomy.issue_by_code:
            raise InputError(f"{rule.id}: unknown issue {code}", remedy="use a code of taxonomy.yaml", path=path)
    for name in (*rule.when, *rule.unless):
        if name not in known:
            raise InputError(
                f"{rule.id}: unknown fact {name}", remedy="use a fact of facts.yaml, or add it there", path=path
            )


def _load_templates(folder: Path, taxonomy: Taxonomy) -> dict[str, tuple[Template, ...]]:
    by_issue: dict[str, list[Template]] = {code: [] for code in taxonomy.issue_by_code}
    first_in: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        for template in read_yaml(path, TemplateFile).templates:
            if template.id in first_in:
                raise InputError(
                    f"id {template.id} stands twice (also in {first_in[template.id].name})",
                    remedy="give one of them another id",
                    path=path,
                )
            first_in[template.id] = path
            for customer in template.customers:
                if customer not in taxonomy.customer_by_code:
                    raise InputError(
                        f"{template.id}: unknown customer type {customer}", remedy="use taxonomy.yaml's", path=path
                    )
            for code in _issue_codes(template, taxonomy, path):
                by_issue[code].append(template)
    for code, templates in by_issue.items():
        if not any(not template.slots and not template.when and not template.customers for template in templates):
            raise InputError(
                f"{code} has no reply without slots and conditions", remedy="write at least one", path=folder
            )
    return {code: tuple(templates) for code, templates in by_issue.items()}


def _issue_codes(template: Template, taxonomy: Taxonomy, path: Path) -> list[str]:
    codes: list[str] = []
    for name in template.issues:
        if name.startswith("group:"):
            members = [issue.code for issue in taxonomy.issues if issue.group == name.removeprefix("group:")]
        else:
            members = [name] if name in taxonomy.issue_by_code else []
        if not members:
            raise InputError(
                f"{template.id}: unknown issue {name}", remedy="use a code of taxonomy.yaml or group:CODE", path=path
            )
        codes += members
    return codes
