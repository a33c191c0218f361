"""Reply templates: what an agent may say, by issue, stage, customer type and facts."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from model.playbook.conditions import Condition, Facts, excluded, holds

_SLOT = re.compile(r"\{(\w*)\}")
MIN_TEMPLATE_CHARS = 20
MAX_TEMPLATE_CHARS = 120


class Stage(StrEnum):
    """Where the conversation stands, in its natural order."""

    reassure = "reassure"
    clarify = "clarify"
    evidence = "evidence"
    verify = "verify"
    resolve = "resolve"
    close = "close"


STAGE_ORDER = {stage: place for place, stage in enumerate(Stage)}
STAGE_NAMES = {
    Stage.reassure: "安抚",
    Stage.clarify: "了解情况",
    Stage.evidence: "请拍照",
    Stage.verify: "核实",
    Stage.resolve: "给方案",
    Stage.close: "致歉收尾",
}


class Slot(StrEnum):
    """What a template may leave open. Where each comes from is said in `model/slots.py`."""

    shop = "shop"
    product = "product"
    cash = "cash"
    affected = "affected"
    waybill = "waybill"
    carrier = "carrier"
    price_drop = "price_drop"
    due = "due"


class Template(BaseModel):
    """One reply.

    Attributes:
        id: `issue.stage.n`, or `customer type.group.stage.n` for those written for a customer type.
        issues: issue codes, or `group:` and a group's code for all of its issues.
        customers: written for these customer types; empty: for any.
        when: facts that must be known and fit. unless: facts that, if known to fit, rule it out.
        remedies: only when one of these remedies is the suggested one; empty: whatever is suggested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z_]+(\.[a-z_]+)+\.\d+$")
    issues: tuple[str, ...] = Field(min_length=1)
    stage: Stage
    text: str
    customers: tuple[str, ...] = ()
    when: dict[str, Condition] = {}
    unless: dict[str, Condition] = {}
    remedies: tuple[str, ...] = ()
    source: str = Field(min_length=1)

    @field_validator("issues", "customers", "remedies", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("text")
    @classmethod
    def _chat_sized(cls, text: str) -> str:
        text = " ".join(text.split())
        if not MIN_TEMPLATE_CHARS <= len(text) <= MAX_TEMPLATE_CHARS:
            raise ValueError(f"{len(text)} 字；请写 {MIN_TEMPLATE_CHARS} 到 {MAX_TEMPLATE_CHARS} 字")
        return text

    @model_validator(mode="after")
    def _slots_are_declared(self) -> Template:
        rest = _SLOT.sub("", self.text)
        if "{" in rest or "}" in rest:
            raise ValueError("有单个的花括号；空位写成 {product}")
        for name in _SLOT.findall(self.text):
            if name not in Slot.__members__:
                raise ValueError(f"没有空位 {{{name}}}；写 {'、'.join(Slot)} 之一")
        return self

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots in the text."""
        return tuple(dict.fromkeys(_SLOT.findall(self.text)))

    @cached_property
    def facts(self) -> frozenset[str]:
        """Names of the facts in its conditions."""
        return frozenset((*self.when, *self.unless))

    def fits(self, facts: Facts) -> bool:
        """Whether the facts let this reply be said."""
        return not excluded(self.unless, facts) and holds(self.when, facts)


class TemplateFile(BaseModel):
    """A file under `model/playbook/templates/`. `disabled` (in a shop's own folder) switches templates off by id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    templates: tuple[Template, ...] = ()
    disabled: tuple[str, ...] = ()
