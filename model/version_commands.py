"""`shouhou models list|compare|promote|rollback`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from model.cli import JsonFlag, err, out
from model.errors import InputError
from model.paths import artifacts_dir

if TYPE_CHECKING:
    from model.comparison import Comparison, Version

app = typer.Typer(help="模型版本：列出、比较、启用、退回。", no_args_is_help=True)

SHOWN_LABELS = 5
SHOWN_MESSAGES = 10
SHOWN_PROMOTIONS = 20
ACTIONS = {"first": "首次启用", "promote": "启用", "rollback": "退回"}
By = Annotated[str | None, typer.Option(help="谁决定的，默认取登录名。")]


@app.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """列出所有版本和启用记录：谁、何时、为什么。"""
    from model import promotions, registry

    artifacts = artifacts_dir()
    current = registry.current_version(artifacts)
    manifests = registry.versions(artifacts)
    history = promotions.history(artifacts)
    if as_json:
        rows = [
            {
                **manifest.model_dump(exclude={"metrics", "reference"}),
                "current": manifest.version == current,
                "promotions": [
                    {**entry.model_dump(), "had_effect": had_effect}
                    for entry, had_effect in history
                    if entry.version == manifest.version
                ],
            }
            for manifest in manifests
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table()
    for column in ("", "版本", "训练于", "消息", "问题类型\n准确率", "客户类型\n准确率"):
        table.add_column(column, no_wrap=column == "版本")  # `promote` wants the whole version.
    for m in manifests:
        mark = "▶" if m.version == current else ""
        scores = (f"{m.metrics.issue_accuracy:.4f}", f"{m.metrics.customer_accuracy:.4f}")
        table.add_row(mark, m.version, _minute(m.trained_at), str(m.messages), *scores)
    out.print(table)
    if not history:
        return
    record = Table(title="启用记录")
    for column in ("时间", "操作", "版本", "此前", "谁", "理由"):
        record.add_column(column, overflow="fold")
    for entry, had_effect in history[-SHOWN_PROMOTIONS:]:
        action = ACTIONS[entry.action] + "（强制）" * bool(entry.refusals) + "（中断，未生效）" * (not had_effect)
        versions = (entry.version, entry.before or "")
        record.add_row(_minute(entry.at), action, *versions, escape(entry.by), escape(entry.reason))
    out.print(record)


def _minute(moment: str) -> str:
    """A moment in the machine's own time, to the minute."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


@app.command("compare")
def compare_(
    candidate: Annotated[str | None, typer.Argument(metavar="候选版本", help="默认最新的、未在使用的版本。")] = None,
    champion: Annotated[str | None, typer.Option(help="与哪个版本比，默认正在使用的。")] = None,
    data: Annotated[Path | None, typer.Option(help="在这个标注好的文件上比（CSV：text,issue,customer）。")] = None,
    report: Annotated[Path | None, typer.Option(help="另存一份图文报告（一个 HTML 文件）。")] = None,
    as_json: JsonFlag = False,
) -> None:
    """候选版本与正使用的版本对照。默认的考题是后者的训练消息，双方都由没见过该作者的模型来答。

    达不到启用门槛（model/gate.yaml）时退出码为 1。
    """
    from model.gate import load_gate, refusals

    artifacts = artifacts_dir()
    champion = champion or _current(artifacts)
    candidate = candidate or _newest_other(artifacts, champion)
    with err.status("比较中……"):
        result = _compare(_load(artifacts, champion), _load(artifacts, candidate), data)
        reasons = refusals(result, load_gate())
    if report is not None:
        from model.comparison_report import write_report

        write_report(result, reasons, report)
    if as_json:
        print(json.dumps({**result.model_dump(), "refusals": reasons}, ensure_ascii=False))
    else:
        print_comparison(result)
        print_verdict(reasons)
        if not reasons:
            out.print(f"启用：shouhou models promote {candidate}", markup=False)
        if report is not None:
            out.print(f"报告：{report}", markup=False, soft_wrap=True)
    if reasons:
        raise typer.Exit(1)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(metavar="版本")],
    force: Annotated[bool, typer.Option("--force", help="达不到门槛也启用，必须写明理由。")] = False,
    reason: Annotated[str, typer.Option(help="为什么，记入启用记录。")] = "",
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """启用一个版本：先验证、与正使用的版本比较，不更差才切换；运行中的服务一秒内换上。"""
    from model import promotions, registry

    artifacts = artifacts_dir()
    reason = reason.strip()
    if force and not reason:
        raise InputError("--force 要写理由", remedy='加上 --reason "理由"')
    promotions.require(artifacts, version)
    current = registry.current_version(artifacts)
    reasons: list[str] = []
    if current is not None and current != version:
        with err.status("与正使用的版本比较……"):
            reasons = _reasons_against(artifacts, current, version, force)
    if reasons and not force:
        if as_json:
            print(json.dumps({"current": current, "refusals": reasons}, ensure_ascii=False))
        else:
            print_verdict(reasons)
            out.print(f"仍在使用 {current}", markup=False)
            out.print(f"详情：shouhou models compare {version} --report 报告.html", markup=False)
            out.print('确要启用：加 --force --reason "理由"', markup=False)
        raise typer.Exit(1)
    decision = promotions.Decision(by=by or promotions.login_name(), reason=reason, refusals=reasons)
    promotions.promote(artifacts, version, decision, instead_of=current)
    _print_current(version, as_json)


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="为什么，记入启用记录。")] = "",
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """退回启用现版本之前的版本；再退一次，再往前一个。"""
    from model import promotions

    decision = promotions.Decision(by=by or promotions.login_name(), reason=reason.strip())
    _print_current(promotions.rollback(artifacts_dir(), decision), as_json)


def print_comparison(result: Comparison) -> None:
    """The comparison for a person at a terminal."""
    from model.comparison import FROZEN, METRIC_NAMES

    where = "现版本的训练消息，双方都没见过其作者" if result.evaluated_on == FROZEN else result.evaluated_on
    table = Table(title=f"{result.champion.n} 条（{where}）")
    for column in ("指标", "现版本", "候选", "变化"):
        table.add_column(column, justify="left" if column == "指标" else "right")
    for name, field in METRIC_NAMES.items():
        old, new = getattr(result.champion, field), getattr(result.candidate, field)
        table.add_row(name, f"{old:.2%}", f"{new:.2%}", f"{100 * (new - old):+.2f}")
    out.print(table)
    test = result.mcnemar
    out.print(
        f"改对 {test.only_candidate} 条，改错 {test.only_champion} 条；McNemar 检验 p = {test.p_value:.3g}"
        + ("（差别可能只是偶然）" if test.may_be_chance else "（差别不像偶然）")
    )
    falls = [label for label in result.labels if label.candidate_f1 < label.champion_f1][:SHOWN_LABELS]
    rises = [label for label in result.labels[::-1] if label.candidate_f1 > label.champion_f1][:SHOWN_LABELS]
    for title, labels in (("退步最多", falls), ("进步最多", rises)):
        told = "，".join(
            f"{label.name} {100 * (label.candidate_f1 - label.champion_f1):+.1f}（{label.support} 条）"
            for label in labels
        )
        out.print(f"[bold]{title}[/bold]（F1）{told or '无'}", soft_wrap=True)
    names = {label.code: label.name for label in result.labels}
    for title, changes in (("改错的", result.lost), ("改对的", result.gained)):
        for change in changes[:SHOWN_MESSAGES]:
            gold, before, after = (names.get(code, code) for code in (change.gold, change.champion, change.candidate))
            line = f"{title} {change.text}｜应为 {gold}，现版本 {before}，候选 {after}"
            out.print(line, markup=False, soft_wrap=True)
    for new in result.new_labels[: SHOWN_LABELS + 1]:
        line = (
            f"新标签（{new.where.strip()}）{new.n} 个，其中改标 {new.relabelled} 个："
            f"现版本答对 {new.champion_agrees:.1%}（按其把握应为 {new.champion_expected:.1%}），"
            f"候选 {new.candidate_agrees:.1%}"
        )
        out.print(line, markup=False, soft_wrap=True)


def print_verdict(reasons: list[str]) -> None:
    """Whether the candidate may be promoted."""
    if not reasons:
        out.print("达到启用门槛", style="green")
    for reason in reasons:
        out.print(f"不可启用：{reason}", style="red", markup=False, soft_wrap=True)


def _reasons_against(artifacts: Path, current: str, version: str, force: bool) -> list[str]:
    """What the comparison has against a version; where it is forced, that there can be none.

    Raises:
        InputError: the candidate is broken, or, not forced, the version in use is.
    """
    from model.comparison import compare
    from model.gate import load_gate, refusals

    candidate = _load(artifacts, version)
    try:
        champion = _load(artifacts, current)
    except InputError as error:
        if force:
            return [f"无法比较：{error}"]
        remedy = '先退回，或加 --force --reason "理由"'
        raise InputError(f"正使用的 {current} 无法对照（{error.problem}）", remedy=remedy) from error
    return refusals(compare(champion, candidate), load_gate())


def _compare(champion: Version, candidate: Version, data: Path | None) -> Comparison:
    from model.comparison import compare, compare_on
    from model.dataset import read_messages

    if data is None:
        return compare(champion, candidate)
    messages = read_messages(data, candidate.classifier.taxonomy)
    return compare_on(champion, candidate, messages, str(data))


def _load(artifacts: Path, version: str) -> Version:
    from model.comparison import load_version
    from model.promotions import require

    require(artifacts, version)
    return load_version(artifacts, version)


def _current(artifacts: Path) -> str:
    from model.registry import current_version

    current = current_version(artifacts)
    if current is None:
        raise InputError("还没有训练好的模型", remedy="先运行 shouhou train", path=artifacts)
    return current


def _newest_other(artifacts: Path, champion: str) -> str:
    from model.registry import versions

    others = [manifest.version for manifest in versions(artifacts) if manifest.version != champion]
    if not others:
        raise InputError("没有候选版本", remedy="先运行 shouhou train", path=artifacts)
    return others[-1]


def _print_current(version: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"current": version}))
    else:
        out.print(f"正在使用 {version}", markup=False)
