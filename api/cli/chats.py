"""`shouhou chats import`."""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.settings import load_settings
from api.store.database import open_store, store_failures
from model.cli import JsonFlag, err, out, progress_bar
from model.paths import TRAINING_DATA

if TYPE_CHECKING:
    from model.chats.line import ChatLine

app = typer.Typer(help="聊天记录：导入。", no_args_is_help=True)
MAX_SHOWN_CHARS = 500  # Of a line in the file of what was not taken.


@app.callback()
def chats() -> None:
    """聊天记录：导入。"""


@app.command("import")
@store_failures()
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="文件…", help="csv、tsv、xlsx、jsonl、parquet，或 txt（聊天窗口的文字记录）。"),
    ],
    text: Annotated[str | None, typer.Option(help="消息在哪一列；不写就按常见列名找。")] = None,
    role: Annotated[str | None, typer.Option(help="谁说的（买家、客服……或昵称）在哪一列。")] = None,
    time: Annotated[str | None, typer.Option(help="时间在哪一列。")] = None,
    conversation: Annotated[str | None, typer.Option(help="会话编号或买家昵称在哪一列。")] = None,
    agent: Annotated[list[str] | None, typer.Option(help="店铺方的昵称，认不出谁是客服时写，可写多次。")] = None,
    rejected: Annotated[Path | None, typer.Option(help="把没取的每一行和原因写进这个 csv。")] = None,
    data: Annotated[Path, typer.Option(help="训练数据文件夹；里面已有的话不再取。")] = TRAINING_DATA,
    as_json: JsonFlag = False,
) -> None:
    """把聊天记录里买家的话取进待标注队列：脱敏、去重、记下出处。可以中断，可以重复运行。"""
    from api.chat_import import import_chats, training_texts
    from api.label_ranking import rank_by_current_model
    from api.store.storable import storable
    from model.chats.columns import Columns
    from model.chats.reading import read_chats
    from model.chats.sifting import Skip
    from model.whole_file import whole_file

    engine = open_store(load_settings())
    named = Columns(text, role, time, conversation)
    agents = frozenset(agent or ())
    with err.status("读取训练数据……"):
        in_training = training_texts(data)
    with ExitStack() as stack:
        writer = None
        if rejected is not None:
            aside = stack.enter_context(whole_file(rejected))
            # With a mark, so that Excel reads it as UTF-8.
            writer = csv.writer(stack.enter_context(aside.open("w", encoding="utf-8-sig", newline="")))
            writer.writerow(["文件", "行", "谁说的", "原因", "内容"])
        bar = stack.enter_context(progress_bar())

        def import_file(path: Path) -> Counter[Skip | None]:
            counted: Counter[Skip | None] = Counter()
            task = bar.add_task(path.name, total=None)

            def told(line: ChatLine, reason: Skip | None) -> None:
                counted[reason] += 1
                bar.advance(task)
                if writer is not None and reason is not None:
                    content = storable(line.problem or line.text)[:MAX_SHOWN_CHARS]
                    writer.writerow([path.name, line.row, storable(line.speaker or ""), reason, content])

            lines = read_chats(path, named, agents)
            import_chats(engine, path.name, lines, in_training, agents, told)
            bar.update(task, total=counted.total())
            return counted

        reasons = {path: import_file(path) for path in files}
    with err.status("排定标注次序……"):
        rank_by_current_model(engine)
    if as_json:
        told_files = [
            {"file": str(path), "taken": n[None], "skipped": {r.name: n[r] for r in Skip if n[r]}}
            for path, n in reasons.items()
        ]
        print(json.dumps({"taken": sum(n[None] for n in reasons.values()), "files": told_files}, ensure_ascii=False))
        return
    table = Table(title="导入")
    for column in ("文件", "行", "已取", "没取", "原因"):
        table.add_column(column, justify="right" if column in {"行", "已取", "没取"} else "left")
    for path, n in reasons.items():
        why = "\n".join(f"{reason} {n[reason]}" for reason in Skip if n[reason])
        table.add_row(escape(path.name), str(n.total()), str(n[None]), str(n.total() - n[None]), why)
    out.print(table)
    if rejected is not None:
        err.print(f"没取的每一行：{rejected}", markup=False)
    err.print("接下来：shouhou label", markup=False)
