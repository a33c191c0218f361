"""`shouhou`: train, evaluate, predict, recommend; other files add their commands by entry points."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from model.context import Context
from model.errors import InputError
from model.paths import TRAINING_DATA, artifacts_dir

if TYPE_CHECKING:
    from model.bulk import ScoreAll
    from model.data_check import DataReport
    from model.recommendation import Recommendation
    from model.taxonomy import Taxonomy

app = typer.Typer(
    name="shouhou",
    help="售后参谋：看懂买家消息，给出问题类型、客户类型、回复话术和补偿建议。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="训练数据。", no_args_is_help=True)
app.add_typer(data_app, name="data")
playbook_app = typer.Typer(help="话术与规则。", no_args_is_help=True)
app.add_typer(playbook_app, name="playbook")
out = Console()
err = Console(stderr=True)

SHOWN = 20
JsonFlag = Annotated[bool, typer.Option("--json", help="输出 JSON，供程序读取。")]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Dask 调度器地址，如 tcp://10.0.0.5:8786；不填则在本机计算。")
]


def main() -> None:
    """Run a command; a mistake in the input is one line on stderr and exit code 2."""
    signal.signal(signal.SIGTERM, _end)
    add_commands()
    try:
        app()
    except InputError as error:
        fail(str(error))
    except KeyboardInterrupt:
        err.print("已中断", style="yellow")
        sys.exit(1)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """End as by the signal, but through every `finally`: files written aside are removed."""
    sys.exit(128 + number)


def fail(line: str) -> NoReturn:
    """Say what is wrong in one line and exit 2."""
    err.print(f"错误：{line}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(2)


def progress_bar() -> Progress:
    """A bar on stderr, so that stdout stays clean for --json."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
    )


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="含 taxonomy.yaml、messages/*.csv 的文件夹。")] = TRAINING_DATA,
    output: Annotated[Path | None, typer.Option(help="模型版本存放处，默认 .artifacts。")] = None,
    scheduler: Scheduler = None,
    as_json: JsonFlag = False,
) -> None:
    """训练两个分类器，校准、评估，存为候选版本；还没有模型时直接启用。"""
    from model import promotions, registry
    from model.classifier import FOLDS, fit
    from model.dataset import load_messages
    from model.taxonomy import load_taxonomy
    from model.text import load_lexicon

    artifacts = output or artifacts_dir()
    taxonomy = load_taxonomy(data)
    messages = load_messages(data, taxonomy)
    lexicon = load_lexicon(data)
    # A shop's own label set has few messages; what the shipped ones teach of buyers' words helps it.
    own = data.resolve() != TRAINING_DATA
    background = load_messages(TRAINING_DATA, load_taxonomy()) if own else []
    with training_place(scheduler), progress_bar() as bar:
        task = bar.add_task("训练", total=FOLDS + 1)
        fitted = fit(messages, taxonomy, lexicon, lambda: bar.advance(task), background)
    manifest = registry.save(fitted.classifier, fitted.predictions, artifacts)
    is_current = promotions.adopt_first(artifacts, manifest.version, promotions.Decision(by=promotions.login_name()))
    if as_json:
        print(json.dumps({**manifest.model_dump(), "current": is_current}, ensure_ascii=False))
        return
    out.print(f"已训练 [bold]{manifest.version}[/bold]，{manifest.messages} 条消息，存于 {artifacts}")
    if is_current:
        out.print("此前没有模型，已启用")
    else:
        out.print("这是候选版本，还没有启用。与正使用的版本比较，再启用：", style="yellow")
        out.print(f"  shouhou models compare {manifest.version}\n  shouhou models promote {manifest.version}")
    out.print("以下为留出评估：每条消息都由没见过其作者的模型打分。")
    print_report(fitted.held_out.model_dump(), taxonomy)


def training_place(scheduler: str | None) -> AbstractContextManager[None]:
    """Where the folds are fitted: on the scheduler's cluster, else in processes of this machine."""
    if scheduler is None:
        return nullcontext()
    from model.cluster import training_on

    return training_on(scheduler)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="CSV：text,issue,customer（可选 secondary）。")], as_json: JsonFlag = False
) -> None:
    """用标注好的消息评估当前模型。"""
    from model import registry
    from model.dataset import read_messages
    from model.predictions import predict_labelled

    classifier, manifest = registry.load(artifacts_dir())
    messages = read_messages(data, classifier.taxonomy)
    if not messages:
        raise InputError("没有消息", remedy="添上 text,issue,customer 的行", path=data)
    report = predict_labelled(classifier, messages).report(classifier.thresholds.abstain)
    result = {"model_version": manifest.version, **report.model_dump()}
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print_report(result, classifier.taxonomy)


def print_report(result: dict[str, Any], taxonomy: Taxonomy) -> None:
    """Metrics as tables, with the labels' names."""
    label_names = {issue.code: issue.name for issue in taxonomy.issues}
    label_names |= {customer.code: customer.name for customer in taxonomy.customers}
    table = Table(title=f"评估（{result['n']} 条）")
    table.add_column("指标")
    table.add_column("值", justify="right")
    names = {
        "issue_accuracy": "问题类型 准确率",
        "issue_macro_f1": "问题类型 宏 F1",
        "issue_top3": "问题类型 前三命中",
        "issue_lenient_accuracy": "问题类型 准确率（次要问题也算对）",
        "customer_accuracy": "客户类型 准确率",
        "customer_macro_f1": "客户类型 宏 F1",
        "customer_macro_f1_5": "客户类型 宏 F1（至少 5 条的类型）",
        "ece": "校准误差 ECE",
        "coverage": "达到把握门槛的比例",
        "coverage_accuracy": "其中的准确率",
        "also_precision": "次要问题 精确率",
        "also_recall": "次要问题 召回率",
    }
    for key, name in names.items():
        table.add_row(name, f"{result[key]:.4f}")
    out.print(table)
    for title, key in (("问题类型", "issues"), ("客户类型", "customers")):
        per_label = Table(title=title)
        for column in ("类型", "精确率", "召回率", "F1", "条数"):
            per_label.add_column(column, justify="left" if column == "类型" else "right")
        for code, row in sorted(result[key].items(), key=lambda item: -item[1]["support"]):
            per_label.add_row(
                label_names[code],
                f"{row['precision']:.2f}",
                f"{row['recall']:.2f}",
                f"{row['f1']:.2f}",
                str(row["support"]),
            )
        out.print(per_label)
    if result["confusions"]:
        confusions = Table(title="最常见的混淆")
        for column in ("应为", "判为", "次数"):
            confusions.add_column(column)
        for row in result["confusions"]:
            confusions.add_row(label_names[row["gold"]], label_names[row["predicted"]], str(row["count"]))
        out.print(confusions)


@data_app.command("check")
def data_check(
    data: Annotated[Path, typer.Option(help="含 taxonomy.yaml、messages/*.csv 的文件夹。")] = TRAINING_DATA,
    against: Annotated[
        Path | None, typer.Option(help="评估文件（CSV：text,issue）；训练数据里不许有它的句子。")
    ] = None,
    labels: Annotated[bool, typer.Option(help="也找疑似标错的（要训练几个模型，约半分钟）。")] = True,
    as_json: JsonFlag = False,
) -> None:
    """检查训练消息：写错的行、重复、同文不同标、句式、与评估文件的重合、疑似标错。有硬伤时退出码为 1。"""
    from model.data_check import check

    with err.status("检查中……"):
        report = check(data, against, labels)
    if as_json:
        print(report.model_dump_json())
    else:
        print_data_report(report)
    if report.broken_rules:
        raise typer.Exit(1)


def print_data_report(report: DataReport) -> None:
    """The check for a person: figures, then what to mend."""
    table = Table(title=f"训练数据（{report.messages} 条）")
    table.add_column("检查")
    table.add_column("结果", justify="right")
    for name, value in (
        ("写错的行", len(report.mistakes)),
        ("完全重复", len(report.duplicates)),
        ("同文不同标", len(report.conflicts)),
        ("近似重复（10 字起，相似度 0.8）", f"{report.near_share:.2%}"),
        ("重复 5 次以上的句式占比（8 字起）", f"{report.frame_share:.2%}"),
        ("最常见句式占比", f"{report.top_frame_share:.2%}"),
        ("带次要问题的占比", f"{report.secondary_share:.1%}"),
        ("与评估文件相同 / 近似", f"{len(report.identical)} / {len(report.near)}"),
        ("疑似标错", len(report.suspicions)),
    ):
        table.add_row(name, str(value))
    out.print(table)
    for title, counts in (("问题类型", report.issues), ("客户类型", report.customers)):
        out.print(f"[bold]{title}[/bold] " + "，".join(f"{code} {n}" for code, n in counts.items()), soft_wrap=True)
    if report.frames:
        frames = "，".join(f"{frame} ×{n}" for frame, n in report.frames.items())
        out.print("[bold]重复的句式[/bold] " + frames, soft_wrap=True)
    for mistake in report.mistakes[:SHOWN]:
        out.print(mistake, style="red", markup=False, soft_wrap=True)
    for title, pairs in (
        ("完全重复", report.duplicates),
        ("同文不同标", report.conflicts),
        ("近似重复", report.near_duplicates),
        ("与评估文件相同", report.identical),
        ("与评估文件近似", report.near),
    ):
        for pair in pairs[:SHOWN]:
            out.print(
                f"{title}：{pair.first} {pair.text} ｜ {pair.second} {pair.other_text}", markup=False, soft_wrap=True
            )
    for item in report.suspicions[:SHOWN]:
        line = f"疑似标错：{item.place} {item.text} ｜ 标为 {item.label}，像 {item.suggested}（{item.confidence:.0%}）"
        out.print(line, markup=False, soft_wrap=True)
    for rule in report.broken_rules:
        out.print(f"不合格：{rule}", style="red", markup=False)


@app.command()
def predict(
    input_file: Annotated[Path, typer.Option("--input", help="含 text 列的 csv、xlsx、jsonl 或 parquet。")],
    output_file: Annotated[Path, typer.Option("--output", help="结果文件，格式由扩展名决定。")],
    scheduler: Scheduler = None,
    as_json: JsonFlag = False,
) -> None:
    """给整个文件打标签：保留原有各列和行序，追加预测列。文件多大都行，内存不随之增长。"""
    from model.bulk import predict_file

    with scoring_place(scheduler) as score_all, progress_bar() as bar:
        task = bar.add_task("预测", total=None)
        rows = predict_file(
            score_all, input_file, output_file, lambda done, total: bar.update(task, completed=done, total=total)
        )
    if as_json:
        print(json.dumps({"rows": rows, "output": str(output_file)}, ensure_ascii=False))
    else:
        out.print(f"{rows} 行 → {output_file}", markup=False)


def scoring_place(scheduler: str | None) -> AbstractContextManager[ScoreAll]:
    """Where the current model scores: on the scheduler's cluster, else in this process."""
    from model import registry
    from model.bulk import score_here

    classifier, manifest = registry.load(artifacts_dir())
    if scheduler is None:
        return nullcontext(partial(score_here, classifier))
    from model.cluster import scoring_on

    return scoring_on(scheduler, artifacts_dir(), manifest.version)


@app.command()
def recommend(
    text: Annotated[str, typer.Argument(help="买家消息。")],
    context: Annotated[str, typer.Option(help='本单信息，JSON，例如 {"product_line":"biscuit"}。')] = "{}",
    as_json: JsonFlag = False,
) -> None:
    """一条消息：问题类型、客户类型、回复话术、补偿建议。"""
    from model import registry
    from model.playbook.loading import load_playbook
    from model.recommendation import Recommendation
    from model.recommender import Recommender
    from model.text import MAX_MESSAGE_CHARS

    if not 1 <= len(text.strip()) <= MAX_MESSAGE_CHARS:
        raise InputError(f"消息有 {len(text.strip())} 字", remedy=f"应为 1 到 {MAX_MESSAGE_CHARS} 字")
    try:
        facts = Context.model_validate_json(context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "--context"
        raise InputError(f"{where}: {first['msg']}", remedy="字段见 /docs 的 context") from error
    classifier, manifest = registry.load(artifacts_dir())
    recommender = Recommender(classifier, load_playbook(classifier.taxonomy))
    answer = recommender.recommend(text, context=facts, now=datetime.now(UTC))
    if as_json:
        body = TypeAdapter(Recommendation).dump_python(answer, mode="json", by_alias=True)
        print(json.dumps({"model_version": manifest.version, **body}, ensure_ascii=False))
    else:
        print_recommendation(answer)


def print_recommendation(answer: Recommendation) -> None:
    """The answer for a person at a terminal."""
    issue, customer = answer.issue, answer.customer
    out.print(f"[bold]问题类型[/bold] {issue.name} ({issue.code}) {issue.confidence:.0%}")
    if issue.evidence:
        out.print("  依据：" + "、".join(item.text for item in issue.evidence), markup=False)
    others = "，".join(f"{other.name} {other.confidence:.0%}" for other in issue.alternatives)
    out.print(f"  其他可能：{others}")
    out.print(f"[bold]客户类型[/bold] {customer.name} ({customer.code}) {customer.confidence:.0%}")
    out.print(f"  应对：{' → '.join(customer.handling)}", soft_wrap=True)
    for reason in answer.review.reasons:
        out.print(f"[yellow]需人工[/yellow] {reason}")
    if answer.compensation:
        money = answer.compensation
        figure = "不给数字" if money.min is None else f"{money.min}–{money.max} 元"
        out.print(f"[bold]补偿建议[/bold] {money.remedy} {figure}{'（须审批）' if money.requires_approval else ''}")
        for basis in money.basis:
            out.print(f"  规则 {basis.rule}：{basis.source}", markup=False, soft_wrap=True)
        for question in money.ask:
            out.print(f"  还需了解：{question}", markup=False)
    out.print(f"[bold]回复[/bold]（阶段：{answer.stage}）")
    for place, reply in enumerate(answer.replies, 1):
        out.print(f"  {place}. {reply.text}  〔{reply.template_id}〕", markup=False, soft_wrap=True)


@playbook_app.command("check")
def playbook_check(as_json: JsonFlag = False) -> None:
    """检查话术与规则：条件、槽位、平手的规则、合规用语，连同店铺自己的文件夹（SHOUHOU_PLAYBOOK_DIR）。"""
    from model.playbook.book import read_playbook
    from model.playbook.check import problems
    from model.taxonomy import load_taxonomy

    taxonomy = load_taxonomy()
    playbook = read_playbook(taxonomy)
    found = list(problems(playbook, taxonomy))
    rules = sum(len(placed) for placed in playbook.sources.rules.values()) + len(playbook.sources.compliance)
    templates = len(playbook.sources.templates)
    if as_json:
        listed = [{"path": p.path, "line": p.line, "problem": p.problem, "remedy": p.remedy} for p in found]
        print(json.dumps({"rules": rules, "templates": templates, "problems": listed}, ensure_ascii=False))
    else:
        for problem in found:
            err.print(f"错误：{problem}", style="red", markup=False, highlight=False, soft_wrap=True)
        if not found:
            out.print(f"话术 {templates} 条，规则 {rules} 条，没有问题")
    if found:
        raise typer.Exit(1)


def add_commands() -> None:
    """Add the commands of other files: entry points, so that nothing here imports `api`."""
    for entry in sorted(entry_points(group="shouhou.commands"), key=lambda entry: entry.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)


if __name__ == "__main__":
    main()
