"""The insights section by section: what is told, the table, the plot."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from api.insights.data_table import Cell, Column, DataTable, Kind
from api.insights.overview import Certainty, Overview, Paid
from api.insights.plots import Bars, Lines, Panels, Plot, Ranges, Series, Thresholds
from api.template_record import TemplateRecord
from model.drift import WATCH_PSI
from model.opening_hours import CHINA
from model.playbook.book import Playbook
from model.playbook.kinds import REMEDY_NAMES
from model.taxonomy import Taxonomy

PANELS = 12
BARS = 12
WORDS = 22  # Characters of a reply that tell it from others.
NOT_IN_STORE = "建议已不在库里"
ACTIONS = {"first": "首次启用", "promote": "启用", "rollback": "退回"}


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        name: stands in addresses.
        notes: what to know of it, a line each; instead of table and plot where there are none.
        more: tables that are only downloaded.
    """

    name: str
    title: str
    notes: list[str]
    table: DataTable | None = None
    plot: Plot | None = None
    alt: str = ""
    more: list[DataTable] = field(default_factory=list)


@dataclass(frozen=True)
class Names:
    """Codes in words, from the label scheme and the playbook in use; a code that they lack stands for itself."""

    taxonomy: Taxonomy
    playbook: Playbook

    def issue(self, code: str) -> str:
        """An issue."""
        known = self.taxonomy.issue_by_code.get(code)
        return known.name if known else code

    def group(self, code: str) -> str:
        """The group of an issue."""
        known = self.taxonomy.issue_by_code.get(code)
        return next((group.name for group in self.taxonomy.groups if known and group.code == known.group), "")

    def customer(self, code: str) -> str:
        """A customer type."""
        known = self.taxonomy.customer_by_code.get(code)
        return known.name if known else code

    @property
    def replies(self) -> dict[str, str]:
        """How each template begins, by its id."""
        return {item.entry.id: _beginning(item.entry.text) for item in self.playbook.sources.templates}


def sections(overview: Overview, names: Names, record: TemplateRecord) -> list[Section]:
    """All sections, in the order of the page."""
    return [
        *([_issues(overview, names), _customers(overview, names), _certainty(overview)] if overview.issues else []),
        _templates(overview, names, record),
        _compensation(overview),
        _drift(overview),
        _versions(overview),
        _promotions(overview),
    ]


def _issues(overview: Overview, names: Names) -> Section:
    by_issue: dict[str, Certainty] = defaultdict(Certainty)
    for (_, code), count in overview.issues.items():
        by_issue[code].add(count.messages, count.abstained, count.reviewed)
    order = sorted(by_issue, key=lambda code: (-by_issue[code].messages, code))
    total = overview.total.messages
    table = DataTable(
        "issues",
        "问题类型",
        [
            Column("问题类型"),
            Column("大类"),
            Column("消息", Kind.number),
            Column("占比", Kind.share),
            Column("把握不足", Kind.share),
        ],
        [
            (
                names.issue(code),
                names.group(code),
                found.messages,
                found.messages / total,
                found.abstained / found.messages,
            )
            for code in order
            for found in (by_issue[code],)
        ],
    )
    by_day = DataTable(
        "issues-by-day",
        "问题类型（按天）",
        [
            Column("日期"),
            Column("代码"),
            Column("问题类型"),
            *(Column(name, Kind.number) for name in ("消息", "把握不足", "须人工处理")),
        ],
        [
            (str(day), code, names.issue(code), count.messages, count.abstained, count.reviewed)
            for (day, code), count in sorted(overview.issues.items())
        ],
    )
    shown = order[:PANELS]
    counts = Counter({key: count.messages for key, count in overview.issues.items()})
    series = [
        Series(f"{names.issue(code)} {by_issue[code].messages:,}", _over_time(overview, counts, code)) for code in shown
    ]
    each = "周" if overview.period.is_weekly else "天"
    return Section(
        "issues",
        "问题类型",
        [f"最多的 {len(shown)} 类，每{each}的消息条数" if len(order) > PANELS else f"每{each}的消息条数"],
        table,
        Panels(_labels(overview), series),
        f"各类问题每{each}的消息条数，合计见表",
        [by_day],
    )


def _customers(overview: Overview, names: Names) -> Section:
    totals: Counter[str] = Counter()
    by_point: Counter[date] = Counter()
    for (day, code), messages in overview.customers.items():
        totals[code] += messages
        by_point[overview.period.point(day)] += messages
    all_messages = totals.total()
    table = DataTable(
        "customers",
        "客户类型",
        [Column("客户类型"), Column("消息", Kind.number), Column("占比", Kind.share)],
        [(names.customer(code), count, count / all_messages) for code, count in totals.most_common()],
    )
    by_day = DataTable(
        "customers-by-day",
        "客户类型（按天）",
        [Column("日期"), Column("代码"), Column("客户类型"), Column("消息", Kind.number)],
        [
            (str(day), code, names.customer(code), messages)
            for (day, code), messages in sorted(overview.customers.items())
        ],
    )
    usual = names.taxonomy.default_customer
    denominators = [max(by_point[point], 1) for point in overview.period.points]
    series = [
        Series(
            f"{names.customer(code)} {count / all_messages:.1%}",
            [100 * n / of for n, of in zip(_over_time(overview, overview.customers, code), denominators, strict=True)],
        )
        for code, count in totals.most_common()
        if code != usual
    ]
    each = "周" if overview.period.is_weekly else "天"
    return Section(
        "customers",
        "客户类型",
        [f"{names.customer(usual)}以外的客户，每{each}占全部消息的比例"],
        table,
        Panels(_labels(overview), series, unit="%") if series else None,
        f"各客户类型每{each}的占比，合计见表",
        [by_day],
    )


def _certainty(overview: Overview) -> Section:
    by_point: dict[date, Certainty] = defaultdict(Certainty)
    for (day, _), count in overview.issues.items():
        by_point[overview.period.point(day)].add(count.messages, count.abstained, count.reviewed)
    points = [(point, by_point[point]) for point in overview.period.points if point in by_point]
    each = "周" if overview.period.is_weekly else "天"
    table = DataTable(
        "abstentions",
        "把握与人工",
        [
            Column(f"{each}（周一）" if overview.period.is_weekly else "日期"),
            Column("消息", Kind.number),
            Column("把握不足", Kind.share),
            Column("须人工处理", Kind.share),
        ],
        [
            (str(point), found.messages, found.abstained / found.messages, found.reviewed / found.messages)
            for point, found in reversed(points)
        ],
    )
    trained = overview.drift.abstentions[0]
    return Section(
        "abstentions",
        "把握与人工",
        ["把握不足：模型不敢定问题类型；须人工处理：还包括投诉、人身不适等规则要求的"],
        table,
        Lines(
            [_short(point) for point, _ in points],
            [
                Series("把握不足", [100 * found.abstained / found.messages for _, found in points]),
                Series("须人工处理", [100 * found.reviewed / found.messages for _, found in points]),
            ],
            [("训练数据里把握不足的", 100 * trained)],
        ),
        f"每{each}把握不足和须人工处理的比例，数字见表",
    )


def _templates(overview: Overview, names: Names, record: TemplateRecord) -> Section:
    if not overview.templates:
        return Section("templates", "话术采用", ["这段时间没有客服反馈用了哪条话术。客服点“用了这条”，这里就有数字。"])
    replies = names.replies
    always = record.counts
    rows: list[tuple[Cell, ...]] = []
    for use in overview.templates:
        ever = always.get(use.template_id)
        rate_ever = ever.chosen / ever.shown if ever and ever.shown else None
        reply = replies.get(use.template_id, "（已不在话术库）")
        rate = use.chosen / use.offered
        rows.append((use.template_id, rate, use.offered, use.chosen, use.edited, rate_ever, reply))
    columns = [
        Column("编号", Kind.code),
        Column("采用率", Kind.share),
        *(Column(name, Kind.number) for name in ("推荐过", "用了", "其中改过")),
        Column("历来采用率", Kind.share),
        Column("话术", Kind.prose),
    ]
    shown = overview.templates[:BARS]
    return Section(
        "templates",
        "话术采用",
        ["只算客服反馈过的建议；推荐过：那条建议里有这条话术"],
        DataTable("templates", "话术采用", columns, rows),
        Bars(
            [use.template_id for use in shown],
            [
                Series("原样用", [use.chosen - use.edited for use in shown]),
                Series("改后用", [use.edited for use in shown]),
                Series("没用", [use.offered - use.chosen for use in shown]),
            ],
        ),
        f"推荐最多的 {len(shown)} 条话术用了多少次，数字见表",
    )


def _compensation(overview: Overview) -> Section:
    if not overview.suggested and not overview.paid_by_remedy:
        return Section("compensation", "补偿", ["这段时间没有补偿建议，也没有客服反馈付了多少。"])
    rows: list[tuple[Cell, ...]] = []
    remedies = [
        *overview.suggested,
        *(remedy for remedy in overview.paid_by_remedy if remedy not in overview.suggested),
    ]
    for remedy in sorted(remedies, key=lambda r: -overview.suggested[r].suggested if r in overview.suggested else 0):
        advice = overview.suggested.get(remedy) if remedy else None
        paid = overview.paid_by_remedy.get(remedy, Paid())
        priced = advice.priced if advice else 0
        rows.append(
            (
                REMEDY_NAMES.get(remedy, remedy) if remedy else NOT_IN_STORE,
                advice.suggested if advice else 0,
                _mean(advice.min_fen, priced) if advice else None,
                _mean(advice.max_fen, priced) if advice else None,
                paid.cases,
                _mean(paid.paid_fen, paid.cases),
                paid.below,
                paid.above,
            )
        )
    columns = [
        Column("处理"),
        Column("建议次数", Kind.number),
        Column("平均最低（元）", Kind.yuan),
        Column("平均最高（元）", Kind.yuan),
        Column("反馈实付", Kind.number),
        Column("平均实付（元）", Kind.yuan),
        Column("低于建议", Kind.number),
        Column("高于建议", Kind.number),
    ]
    by_day = DataTable(
        "compensation-by-day",
        "补偿（按天）",
        [
            Column("日期"),
            Column("反馈实付", Kind.number),
            Column("实付合计（元）", Kind.yuan),
            Column("有建议金额的", Kind.number),
            *(Column(name, Kind.yuan) for name in ("其中实付（元）", "建议最低合计（元）", "建议最高合计（元）")),
        ],
        [
            (
                str(day),
                paid.cases,
                paid.paid_fen,
                paid.compared,
                paid.compared_paid_fen,
                paid.compared_min_fen,
                paid.compared_max_fen,
            )
            for day, paid in sorted(overview.paid_by_day.items())
        ],
    )
    by_point: dict[date, list[float]] = {point: [0.0, 0.0, 0.0] for point in overview.period.points}
    for day, paid in overview.paid_by_day.items():
        sums = by_point[overview.period.point(day)]
        for place, fen in enumerate((paid.compared_paid_fen, paid.compared_min_fen, paid.compared_max_fen)):
            sums[place] += fen / 100
    values = list(by_point.values())
    compared = overview.paid.compared
    plot = Ranges(
        _labels(overview),
        Series("实付", [value[0] for value in values]),
        [value[1] for value in values],
        Series("同一批建议的范围", [value[2] for value in values]),
    )
    note = "图和“低于、高于”只算有建议金额、客服又反馈了实付的" if compared else "客服还没有反馈实付金额，所以没有图"
    return Section(
        "compensation",
        "补偿：建议与实付",
        [note],
        DataTable("compensation", "补偿", columns, rows),
        plot if compared else None,
        "实付与建议范围，数字见表和按天的 CSV",
        [by_day],
    )


def _drift(overview: Overview) -> Section:
    found = overview.drift
    notes = [f"最新的 {found.n:,} 条消息，对照现在的模型的训练数据", *found.advice] if found.measures else found.advice
    if not found.measures:
        return Section("drift", "漂移", notes)

    def verdict(psi: float, worse: bool, has_drifted: bool) -> str:
        if has_drifted:
            return "变了"
        if psi < WATCH_PSI:
            return "没变"
        return "略变" if worse else "变好了"

    table = DataTable(
        "drift",
        "漂移",
        [Column("指标"), Column("PSI", Kind.figure), Column("该标注的门槛", Kind.figure), Column("结论")],
        [(m.name, m.psi, m.act_from, verdict(m.psi, m.worse, m.has_drifted)) for m in found.measures],
    )
    plot = Thresholds(
        [measure.name for measure in found.measures],
        [measure.psi for measure in found.measures],
        WATCH_PSI,
        [measure.act_from for measure in found.measures],
        [measure.has_drifted for measure in found.measures],
    )
    return Section("drift", "漂移", notes, table, plot, "四个指标的 PSI 与门槛，数字见表")


def _versions(overview: Overview) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for manifest in reversed(overview.versions):
        metrics = manifest.metrics
        rows.append(
            (
                manifest.version,
                "在用" if manifest.version == overview.current else "",
                _in_china(manifest.trained_at),
                manifest.messages,
                metrics.issue_accuracy,
                metrics.issue_macro_f1,
                metrics.issue_top3,
                metrics.customer_accuracy,
                metrics.customer_macro_f1,
                metrics.ece,
                metrics.coverage,
                metrics.coverage_accuracy,
                overview.by_version[manifest.version],
            )
        )
    columns = [
        Column("版本", Kind.code),
        Column("状态"),
        Column("训练于"),
        Column("训练消息", Kind.number),
        Column("问题类型准确率", Kind.share),
        Column("问题类型宏 F1", Kind.share),
        Column("前三命中", Kind.share),
        Column("客户类型准确率", Kind.share),
        Column("客户类型宏 F1", Kind.share),
        Column("校准误差", Kind.share),
        Column("达到把握门槛", Kind.share),
        Column("其中准确率", Kind.share),
        Column("这段时间的消息", Kind.number),
    ]
    return Section(
        "versions",
        "模型版本",
        ["指标是训练时轮流留出、由没见过其作者的模型答出来的"],
        DataTable("versions", "模型版本", columns, rows),
    )


def _promotions(overview: Overview) -> Section:
    if not overview.promotions:
        return Section("promotions", "启用记录", ["还没有启用记录。"])
    rows = [
        (
            _in_china(entry.at),
            ACTIONS[entry.action] + "（强制）" * bool(entry.refusals) + "（中断，未生效）" * (not had_effect),
            entry.version,
            entry.before or "",
            entry.by,
            entry.reason,
        )
        for entry, had_effect in reversed(overview.promotions)
    ]
    columns = [
        Column("时间"),
        Column("操作"),
        Column("版本", Kind.code),
        Column("此前", Kind.code),
        Column("谁"),
        Column("理由", Kind.prose),
    ]
    return Section("promotions", "启用记录", [], DataTable("promotions", "启用记录", columns, rows))


def _over_time(overview: Overview, counts: Counter[tuple[date, str]], code: str) -> list[float]:
    """The counts of a code for each point of the range."""
    found = dict.fromkeys(overview.period.points, 0)
    for n in range(overview.period.days):
        day = overview.period.first + timedelta(days=n)
        found[overview.period.point(day)] += counts[day, code]
    return [float(count) for count in found.values()]


def _labels(overview: Overview) -> list[str]:
    return [_short(point) for point in overview.period.points]


def _short(day: date) -> str:
    return f"{day.month}月{day.day}日"


def _in_china(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone(CHINA):%Y-%m-%d %H:%M}"


def _mean(total: int, count: int) -> float | None:
    return total / count if count else None


def _beginning(text: str) -> str:
    return text if len(text) <= WORDS else f"{text[:WORDS]}…"
