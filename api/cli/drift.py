"""`shouhou drift`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from api.settings import load_settings
from api.store.database import open_store, store_failures
from api.store.recent import recent_messages
from model.cli import JsonFlag, err, out
from model.paths import artifacts_dir

if TYPE_CHECKING:
    from model.drift import Drift

MAX_MESSAGES = 50_000


@store_failures()
def drift(
    days: Annotated[int, typer.Option(min=1, max=3650, help="看最近多少天的消息。")] = 7,
    input_file: Annotated[
        Path | None, typer.Option("--input", help="不看数据库，看这个文件（CSV，有 text 列）。")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """最近的消息与训练数据还像不像：生词、把握、把握不足、问题构成（PSI）；该标注时会说。"""
    from model import registry
    from model.dataset import read_rows
    from model.drift import drift as compare
    from model.drift import traffic

    classifier, manifest = registry.load(artifacts_dir())
    if input_file is None:
        texts = recent_messages(open_store(load_settings()), days, MAX_MESSAGES)
    else:
        texts = [row["text"] for _, row in read_rows(input_file, ("text",)) if row["text"].strip()]
    with err.status("计算中……"):
        found = compare(manifest.reference, traffic(classifier, texts))
    if as_json:
        print(found.model_dump_json())
    else:
        names = {issue.code: issue.name for issue in classifier.taxonomy.issues}
        _print(found, names)


def _print(found: Drift, names: dict[str, str]) -> None:
    from model.drift import WATCH_PSI

    if found.measures:
        table = Table(title=f"{found.n} 条消息，对照训练数据")
        for column in ("", "PSI", "该标注的门槛", ""):
            table.add_column(column, justify="right" if column else "left")
        for measure in found.measures:
            verdict = "变了" if measure.has_drifted else "略变" if measure.psi >= WATCH_PSI else "没变"
            if not measure.worse and measure.psi >= WATCH_PSI:
                verdict = "变好了"
            table.add_row(measure.name, f"{measure.psi:.3f}", f"{measure.act_from:.2f}", verdict)
        out.print(table)
        for name, (before, now) in (("含生词的消息", found.with_unknown_words), ("把握不足的消息", found.abstentions)):
            out.print(f"{name}：训练数据 {before:.1%}，最近 {now:.1%}")
        grown = "，".join(
            f"{names.get(code, code)} {before:.1%} → {now:.1%}" for code, (before, now) in found.grown.items()
        )
        out.print(f"占比涨得最多的问题：{grown or '无'}", soft_wrap=True)
    for line in found.advice:
        out.print(line, style="bold yellow" if found.time_to_label else "green", markup=False, soft_wrap=True)
