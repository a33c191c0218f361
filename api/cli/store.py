"""`shouhou store purge|export`."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.settings import load_settings
from api.store.database import open_store
from api.store.retention import export as rows_of
from api.store.retention import purge as delete_old
from model.cli import JsonFlag, err, out, progress_bar
from model.errors import InputError

app = typer.Typer(help="数据库：清理、导出。", no_args_is_help=True)


class Exported(StrEnum):
    """What can be exported."""

    recommendations = "recommendations"
    feedback = "feedback"
    chats = "chats"


@app.command()
def purge(
    days: Annotated[int | None, typer.Option(min=0, help="保留天数，默认取 SHOUHOU_RETENTION_DAYS。")] = None,
    as_json: JsonFlag = False,
) -> None:
    """删除超过保留天数的建议、反馈、Chatwoot 写入记录和未标注聊天（已标注的是训练数据，保留）。"""
    settings = load_settings()
    deleted = delete_old(open_store(settings), settings.retention_days if days is None else days)
    if as_json:
        print(json.dumps(deleted))
        return
    for table, count in deleted.items():
        out.print(f"{table}：删除 {count} 行", markup=False)


@app.command()
def export(
    what: Annotated[Exported, typer.Argument(help="导出哪张表。")],
    output: Annotated[Path, typer.Option(help="结果文件（jsonl，每行一条）。")],
    as_json: JsonFlag = False,
) -> None:
    """导出为 jsonl；文件要么完整，要么不出现。"""
    engine = open_store(load_settings())
    aside = output.with_name(f".{output.name}.partial")
    rows = 0
    try:
        with progress_bar() as bar, aside.open("w", encoding="utf-8") as file:
            task = bar.add_task("导出", total=None)
            for row in rows_of(engine, what):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                rows += 1
                bar.update(task, completed=rows)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(output)
    except OSError as error:
        raise InputError(f"写不了（{error.strerror}）", remedy="检查文件夹和空间", path=output) from error
    finally:
        aside.unlink(missing_ok=True)
    if as_json:
        print(json.dumps({"rows": rows, "output": str(output)}, ensure_ascii=False))
    else:
        err.print(f"{rows} 行 → {output}", markup=False)
