"""`shouhou label`: what to label next, out and back in, into the training data."""

from __future__ import annotations

import getpass
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.settings import load_settings
from api.store import label_queue
from api.store.database import open_store, store_failures
from api.store.label_queue import NewItem, Origin
from model.cli import SHOWN, JsonFlag, err, out
from model.errors import InputError
from model.label import Label
from model.opening_hours import CHINA
from model.paths import TRAINING_DATA, artifacts_dir

if TYPE_CHECKING:
    from api.label_answers import Taken

app = typer.Typer(help="标注：先标哪些、导出、收回、写进训练数据。不带子命令时显示进度和下一步。")
DAY_MS = 86_400_000
# A file stays with its person until the next day; what is not labelled by then goes to whoever asks.
FILE_LEASE_MS = DAY_MS
DataOption = Annotated[Path, typer.Option(help="训练数据文件夹。")]
WhoOption = Annotated[str | None, typer.Option(help="谁来标，默认是登录名。")]


@app.callback(invoke_without_command=True)
@store_failures()
def label(context: typer.Context, as_json: JsonFlag = False) -> None:
    """标注：先标哪些、导出、收回、写进训练数据。不带子命令时显示进度和下一步。"""
    if context.invoked_subcommand is not None:
        return
    progress = label_queue.progress(open_store(load_settings()), label_queue.midnight_ms())
    if as_json:
        fields = ("waiting", "unranked", "skipped", "labelled", "written")
        counts = {name: getattr(progress, name) for name in fields}
        print(json.dumps({**counts, "today": progress.by_person}, ensure_ascii=False))
        return
    table = Table(title="标注队列")
    table.add_column("状态")
    table.add_column("条数", justify="right")
    for name, count in (
        ("等人标", progress.waiting),
        ("已标，还没写进训练数据", progress.labelled),
        ("已写进训练数据", progress.written),
        ("跳过的", progress.skipped),
    ):
        table.add_row(name, str(count))
    out.print(table)
    if progress.by_person:
        out.print("今天：" + "，".join(f"{who} {n}" for who, n in progress.by_person.items()), markup=False)
    if progress.waiting:
        out.print(
            "下一步：shouhou label export --output 待标.xlsx，标好后 shouhou label take 待标.xlsx",
            markup=False,
            soft_wrap=True,
        )
    else:
        out.print(
            "下一步：shouhou chats import 聊天记录，或 shouhou label propose 找旧数据里疑似标错的",
            markup=False,
            soft_wrap=True,
        )
    if progress.labelled:
        out.print("已标的可以写进训练数据：shouhou label write，然后 shouhou train", markup=False)


@app.command()
@store_failures()
def export(
    output: Annotated[
        Path, typer.Option(help="写成 .xlsx（表格）或 .json（Label Studio 任务，旁边另写界面配置 .xml）。")
    ],
    n: Annotated[int, typer.Option("-n", min=1, max=10_000, help="几条。")] = 200,
    who: WhoOption = None,
    as_json: JsonFlag = False,
) -> None:
    """导出最值得标的消息，附模型的看法；一天之内不会再发给别人。"""
    from api import label_sheet, label_studio
    from api.label_guess import guess
    from api.label_ranking import rank_queue
    from model import registry

    suffix = output.suffix.lower()
    if suffix not in {".xlsx", ".json"}:
        raise InputError(f"不支持的格式 {output.suffix!r}", remedy="可用 .xlsx 或 .json", path=output)
    engine = open_store(load_settings())
    classifier, manifest = registry.load(artifacts_dir())
    with err.status("挑选中……"):
        rank_queue(engine, classifier)
        items = label_queue.next_to_label(engine, n, _person(who), FILE_LEASE_MS)
        guesses = guess(classifier, items)
    if not items:
        raise InputError("没有待标的消息，或都发给了别人", remedy="进度见 shouhou label")
    config = output.with_suffix(".xml")
    if suffix == ".xlsx":
        label_sheet.write_sheet(output, guesses, classifier.taxonomy)
    else:
        label_studio.write_config(config, classifier.taxonomy)
        label_studio.write_tasks(output, guesses, classifier.taxonomy, manifest.version)
    if as_json:
        print(json.dumps({"messages": len(items), "output": str(output)}, ensure_ascii=False))
        return
    reasons = Counter(item.reason for item in items)
    why = "，".join(f"{reason or '—'} {count}" for reason, count in reasons.most_common())
    out.print(f"{len(items)} 条 → {output}（{why}）", markup=False, soft_wrap=True)
    if suffix == ".json":
        out.print(
            f"Label Studio：新建项目，Labeling Setup 里粘贴 {config} 的内容，再导入 {output}",
            markup=False,
            soft_wrap=True,
        )
    else:
        out.print("在 Excel 里选好“问题类型”，看不清的选“跳过”，空着的下次再标；“客户类型”不对就改", markup=False)
    out.print(
        f"标好后：shouhou label take {output if suffix == '.xlsx' else '导出的 JSON'}", markup=False, soft_wrap=True
    )


@app.command()
@store_failures()
def take(
    file: Annotated[Path, typer.Argument(metavar="文件", help="填好的 .xlsx，或 Label Studio 导出的 JSON。")],
    who: WhoOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="有冲突时以这个文件为准。")] = False,
    as_json: JsonFlag = False,
) -> None:
    """收回标好的文件：有错一条也不收；和别人已标的冲突时保留别人的并列出来，退出码 1。"""
    from api import label_sheet, label_studio
    from api.label_answers import take as take_answers
    from model.taxonomy import load_taxonomy

    suffix = file.suffix.lower()
    disagreements: list[str] = []
    if suffix == ".xlsx":
        answers = label_sheet.read_sheet(file, _person(who))
    elif suffix == ".json":
        answers, disagreements = label_studio.read_export(file)
    else:
        raise InputError(f"不支持的格式 {file.suffix!r}", remedy="可用 .xlsx 或 .json", path=file)
    taxonomy = load_taxonomy()
    taken = take_answers(open_store(load_settings()), taxonomy, answers, replace)
    if taken.mistakes:
        for mistake in taken.mistakes[1:SHOWN]:
            err.print(f"{mistake.place}：{mistake.problem}", style="red", markup=False, highlight=False)
        first = taken.mistakes[0]
        raise InputError(
            f"{first.place}：{first.problem}（共 {len(taken.mistakes)} 处，一条也没有收）",
            remedy="改正后再收回",
            path=file,
        )
    if as_json:
        told = {"labelled": taken.labelled, "skipped": taken.skipped, "same": taken.same}
        conflicts = [
            _told_conflict(conflict.item.id, conflict.label, conflict.item.label) for conflict in taken.conflicts
        ]
        print(json.dumps({**told, "conflicts": conflicts, "disagreements": disagreements}, ensure_ascii=False))
    else:
        _print_taken(taken, disagreements)
    if taken.conflicts or disagreements:
        raise typer.Exit(1)


def _told_conflict(item_id: int, mine: Label | None, kept: Label | None) -> dict[str, object]:
    return {"id": item_id, "file": mine and mine.issue, "kept": kept and kept.issue}


def _print_taken(taken: Taken, disagreements: list[str]) -> None:
    out.print(f"收了 {taken.labelled} 条，跳过 {taken.skipped} 条，原来就是这样 {taken.same} 条")
    if taken.conflicts:
        table = Table(title=f"{len(taken.conflicts)} 条和别人标的不一样，保留了别人的（--replace 以文件为准）")
        for column in ("位置", "消息", "文件里", "已标", "谁标的"):
            table.add_column(column)
        for conflict in taken.conflicts[:SHOWN]:
            kept, mine = conflict.item.label, conflict.label
            table.add_row(
                conflict.place,
                escape(conflict.item.redacted_text),
                _told_label(mine),
                _told_label(kept),
                escape(conflict.item.labelled_by or ""),
            )
        out.print(table)
    if disagreements:
        out.print(f"{len(disagreements)} 条几个人标得不一样，没有收：", style="yellow")
        for line in disagreements[:SHOWN]:
            out.print(line, markup=False)
    if taken.labelled:
        out.print("下一步：shouhou label write")
    elif not (taken.skipped or taken.same or taken.conflicts or disagreements):
        out.print("文件里一条也没有标：填好“问题类型”、保存，再收回", style="yellow")


def _told_label(label: Label | None) -> str:
    return "跳过" if label is None else " ".join([label.issue, *label.secondary, label.customer])


@app.command()
@store_failures()
def propose(
    n: Annotated[int, typer.Option("-n", min=1, help="最多提几条。")] = 100,
    data: DataOption = TRAINING_DATA,
    as_json: JsonFlag = False,
) -> None:
    """找训练数据里疑似标错的（cleanlab），放进队列等人确认；要训练几个模型，约一分钟。"""
    from api.label_ranking import rank_by_current_model
    from api.store.storable import storable
    from model.data_check import label_suspicions
    from model.dataset import load_messages
    from model.taxonomy import load_taxonomy
    from model.text import load_lexicon

    engine = open_store(load_settings())
    messages = load_messages(data, load_taxonomy(data))
    by_place = {f"{message.voice}.csv:{message.line}": message for message in messages}
    with err.status("训练、比对中……"):
        suspicions = label_suspicions(messages, load_lexicon(data))
    added = 0
    for suspicion in suspicions:
        if added >= n:
            break
        message = by_place[suspicion.place]
        proposal = NewItem(
            redacted_text=storable(message.text),
            origin=Origin.training,
            source=suspicion.place,
            suggested_issue=suspicion.suggested,
            current=Label(message.issue, message.secondary, message.customer),
        )
        added += len(label_queue.add(engine, [proposal]))
    rank_by_current_model(engine)
    if as_json:
        print(json.dumps({"suspicions": len(suspicions), "added": added}))
        return
    out.print(f"疑似标错 {len(suspicions)} 条，新放进队列 {added} 条（以前提过的不再提）")
    out.print("下一步：shouhou label export --output 待标.xlsx", markup=False)


@app.command()
@store_failures()
def write(data: DataOption = TRAINING_DATA, as_json: JsonFlag = False) -> None:
    """把标好的写进训练数据：新消息进本周的文件，已有的消息就地改标。写完就可以 shouhou train。"""
    from model.training_files import Confirmed, Outcome, write_labels

    engine = open_store(load_settings())
    items = label_queue.labelled(engine)
    confirmed = [Confirmed(item.redacted_text, item.label, item.source) for item in items if item.label is not None]
    placed = write_labels(data, confirmed, datetime.now(CHINA).date()) if confirmed else []
    label_queue.mark_written(engine, [(item, place.file) for item, place in zip(items, placed, strict=True)])
    outcomes = Counter(place.outcome for place in placed)
    files = sorted({place.file for place in placed if place.outcome is not Outcome.same})
    if as_json:
        print(json.dumps({**{str(outcome): outcomes[outcome] for outcome in Outcome}, "files": files}))
        return
    if not placed:
        out.print("没有等着写进训练数据的：先 shouhou label take 标好的文件", markup=False)
        return
    out.print(
        f"新写入 {outcomes[Outcome.added]} 条，改标 {outcomes[Outcome.corrected]} 条，"
        f"本来就对 {outcomes[Outcome.same]} 条" + (f"：{'、'.join(files)}" if files else ""),
        markup=False,
    )
    if files:
        out.print("下一步：shouhou data check --no-labels，然后 shouhou train", markup=False)


def _person(who: str | None) -> str:
    return (who or getpass.getuser()).strip()[:100] or "—"
