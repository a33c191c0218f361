"""The two label sets, read from `taxonomy.yaml` and validated."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from model.paths import TRAINING_DATA
from model.validated_yaml import read_yaml

# A code goes into CSV cells joined by "|", URLs and JSON keys; any script is allowed, separators are not.
Code = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\s,|/\"]+$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Entry):
    """A group of issues, such as quality (质量问题)."""

    code: Code
    name: Name


class Issue(_Entry):
    """An issue type: what the agent must handle first."""

    code: Code
    name: Name
    group: Code = "other"
    signable: bool = False
    definition: str = ""


class CustomerType(_Entry):
    """How the buyer is behaving."""

    code: Code
    name: Name
    definition: str = ""


class Taxonomy(_Entry):
    """Both label sets. The first customer type is the default of unlabelled messages."""

    version: str
    groups: tuple[Group, ...] = (Group(code="other", name="其他"),)
    issues: tuple[Issue, ...] = Field(min_length=2)
    customers: tuple[CustomerType, ...] = (CustomerType(code="calm", name="平和型"),)

    @model_validator(mode="after")
    def _codes_are_unique_and_known(self) -> Taxonomy:
        for kind, entries in (("groups", self.groups), ("issues", self.issues), ("customers", self.customers)):
            codes = [entry.code for entry in entries]
            if twice := {code for code in codes if codes.count(code) > 1}:
                raise ValueError(f"{kind}：代码 {sorted(twice)[0]} 出现了两次；每一条用自己的代码")
        groups = {group.code for group in self.groups}
        for issue in self.issues:
            if issue.group not in groups:
                raise ValueError(f"问题类型 {issue.code}：没有大类 {issue.group}；写 {'、'.join(sorted(groups))} 之一")
        return self

    @cached_property
    def issue_by_code(self) -> dict[str, Issue]:
        """Issues by code."""
        return {issue.code: issue for issue in self.issues}

    @cached_property
    def customer_by_code(self) -> dict[str, CustomerType]:
        """Customer types by code."""
        return {customer.code: customer for customer in self.customers}

    @property
    def default_customer(self) -> str:
        """Code of the customer type of a message that shows no sign."""
        return self.customers[0].code


Head = Literal["issue", "customer"]


def load_taxonomy(data_dir: Path = TRAINING_DATA) -> Taxonomy:
    """Read and validate `data_dir/taxonomy.yaml`.

    Raises:
        InputError: the file is missing or breaks the scheme; says file, line and remedy.
    """
    return read_yaml(data_dir / "taxonomy.yaml", Taxonomy)
