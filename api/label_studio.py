"""Messages to label as Label Studio tasks, and its JSON export back.

Field names: https://labelstud.io/guide/tasks (task), https://labelstud.io/guide/predictions (pre-annotations),
https://labelstud.io/tags/choices (result), https://labelstud.io/guide/export (export).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from api.label_answers import Answer
from api.label_guess import Guess
from model.errors import InputError
from model.taxonomy import Taxonomy
from model.validated_yaml import read_text
from model.whole_file import whole_file

TEXT = "text"
ISSUE, SECONDARY, CUSTOMER = "issue", "secondary", "customer"


def write_tasks(path: Path, guesses: Sequence[Guess], taxonomy: Taxonomy, model_version: str) -> None:
    """A JSON file to import into a Label Studio project, with the model's labels as pre-annotations.

    Raises:
        InputError: the file cannot be written.
    """
    tasks = [_task(guess, taxonomy, model_version) for guess in guesses]
    with whole_file(path) as aside:
        aside.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")


def write_config(path: Path, taxonomy: Taxonomy) -> None:
    """The labeling interface of such a project, as XML; choices show names and stand for codes.

    Raises:
        InputError: the file cannot be written.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Text", name=TEXT, value="$text")
    ElementTree.SubElement(view, "Header", value="$hint", size="6")
    for name, title, choice, required in (
        (ISSUE, "问题类型（先解决哪件事）", "single", "true"),
        (SECONDARY, "次要问题（最多两个）", "multiple", "false"),
        (CUSTOMER, "客户类型", "single", "true"),
    ):
        ElementTree.SubElement(view, "Header", value=title)
        choices = ElementTree.SubElement(
            view, "Choices", name=name, toName=TEXT, choice=choice, required=required, showInline="true"
        )
        entries = taxonomy.customers if name == CUSTOMER else taxonomy.issues
        for entry in entries:
            ElementTree.SubElement(choices, "Choice", value=entry.name, alias=entry.code, hint=entry.definition)
    ElementTree.indent(view)
    with whole_file(path) as aside:
        ElementTree.ElementTree(view).write(aside, encoding="utf-8")


def _task(guess: Guess, taxonomy: Taxonomy, model_version: str) -> dict[str, Any]:
    item, prediction = guess
    customer = item.current.customer if item.current else prediction.customers[0].code
    chosen = {ISSUE: [prediction.issues[0].code], CUSTOMER: [customer]}
    if prediction.also:
        chosen[SECONDARY] = [scored.code for scored in prediction.also]
    names = {issue.code: issue.name for issue in taxonomy.issues}
    hints = [
        item.reason,
        f"现标：{names.get(item.current.issue)}" if item.current else None,
        f"别人的看法：{names.get(item.suggested_issue)}" if item.suggested_issue else None,
    ]
    return {
        "data": {
            "text": item.redacted_text,
            "item_id": item.id,
            "version": item.version,
            "source": item.source,
            "hint": "；".join(filter(None, hints)) or "—",
        },
        "predictions": [
            {
                "model_version": model_version,
                "score": round(prediction.issues[0].confidence, 4),
                "result": [
                    {"from_name": name, "to_name": TEXT, "type": "choices", "value": {"choices": codes}}
                    for name, codes in chosen.items()
                ],
            }
        ],
    }


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Value(_Tolerant):
    choices: list[str] = []


class _Result(_Tolerant):
    from_name: str = ""
    type: str = ""
    value: _Value = _Value()


class _User(_Tolerant):
    email: str = ""


class _Annotation(_Tolerant):
    completed_by: int | _User | None = None
    was_cancelled: bool = False
    result: list[_Result] = []


class _Data(_Tolerant):
    text: str
    item_id: int
    version: int


class _Task(_Tolerant):
    data: _Data
    annotations: list[_Annotation] = Field(default_factory=list)


_EXPORT = TypeAdapter(list[_Task])


def read_export(path: Path) -> tuple[list[Answer], list[str]]:
    """The answers of a Label Studio export in its format JSON, and the places where annotators disagree.

    Raises:
        InputError: not such a file.
    """
    text = read_text(path)
    try:
        tasks = _EXPORT.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"不是 Label Studio 的导出（{where}: {first['msg']}）"[:300], remedy="请按 JSON 格式导出", path=path
        ) from error
    answers, disagreements = [], []
    for number, task in enumerate(tasks, 1):
        place = f"第 {number} 条"
        found = {answer: None for answer in (_answer(place, task.data, a) for a in task.annotations) if answer}
        said = {(a.issue, a.secondary, a.customer) for a in found}
        if len(said) > 1:
            disagreements.append(f"{place} {task.data.text}：{' / '.join(str(a.issue or '跳过') for a in found)}")
        elif found:
            answers.append(next(iter(found)))
    return answers, disagreements


def _answer(place: str, data: _Data, annotation: _Annotation) -> Answer | None:
    """None for an annotation without an issue that was not cancelled either."""
    chosen: dict[str, list[str]] = {}
    for result in annotation.result:
        if result.type == "choices":
            chosen.setdefault(result.from_name, []).extend(result.value.choices)
    if not annotation.was_cancelled and not chosen.get(ISSUE):
        return None
    by = annotation.completed_by
    return Answer(
        place=place,
        item_id=data.item_id,
        version=data.version,
        text=data.text,
        issue=None if annotation.was_cancelled else chosen[ISSUE][0],
        secondary=() if annotation.was_cancelled else tuple(chosen.get(SECONDARY, [])),
        customer="" if annotation.was_cancelled else "".join(chosen.get(CUSTOMER, [])[:1]),
        who=f"label-studio:{by.email if isinstance(by, _User) else by}"[:100],
    )
