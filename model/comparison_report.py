"""The comparison as one HTML file with its plots inside, to be read anywhere and sent around."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib import font_manager
from matplotlib.figure import Figure

from model.comparison import FROZEN, METRIC_NAMES, Comparison
from model.evaluation import Report
from model.plot_style import FONT, STYLE
from model.registry import write_atomically

TEMPLATE = Path(__file__).with_name("comparison_report.html")
CHAMPION, CANDIDATE = "#8a8a8a", "#1f6fb2"
WORSE, BETTER = "#c0392b", "#2e8b57"


def write_report(comparison: Comparison, refusals: Sequence[str], path: Path) -> None:
    """Write the report aside and move it into place.

    Raises:
        InputError: the file cannot be written.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined)
    font_manager.fontManager.addfont(FONT)
    with mpl.rc_context(STYLE):
        plots = [_svg(draw(comparison)) for draw in (_label_plot, _reliability_plot, _risk_plot)]
    names = {label.code: label.name for label in comparison.labels if label.head == "issue"}
    page = environment.get_template(TEMPLATE.name).render(
        comparison=comparison,
        refusals=refusals,
        plots=plots,
        names=names,
        metrics=METRIC_NAMES,
        on_frozen=comparison.evaluated_on == FROZEN,
    )
    write_atomically(path, page)


def _svg(figure: Figure) -> Markup:
    """The figure as an SVG element."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None}, bbox_inches="tight")
    text = file.getvalue()
    return Markup(text[text.index("<svg") :])  # noqa: S704  # matplotlib escapes what it draws.


def _label_plot(comparison: Comparison) -> Figure:
    labels = comparison.labels[::-1]  # Horizontal bars are drawn from below.
    figure = Figure(figsize=(8, 1.2 + 0.24 * len(labels)))
    axes = figure.subplots()
    changes = [100 * (label.candidate_f1 - label.champion_f1) for label in labels]
    axes.barh(range(len(labels)), changes, color=[WORSE if change < 0 else BETTER for change in changes])
    axes.set_yticks(range(len(labels)), [f"{label.name}（{label.support}）" for label in labels], fontsize=8)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel="F1 变化（百分点）", title="各类的变化（括号内为条数）", ylim=(-0.8, len(labels) - 0.2))
    return figure


def _reliability_plot(comparison: Comparison) -> Figure:
    figure = Figure(figsize=(4.5, 4.5))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":", label="完全可信")
    for name, report, colour in _both(comparison):
        bins = report.reliability
        axes.plot(
            [b.confidence for b in bins],
            [b.accuracy for b in bins],
            marker="o",
            markersize=4,
            color=colour,
            label=f"{name}（ECE {report.ece:.3f}）",
        )
    axes.set(xlabel="模型的把握", ylabel="答对的比例", title="校准", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8)
    return figure


def _risk_plot(comparison: Comparison) -> Figure:
    figure = Figure(figsize=(4.5, 4.5))
    axes = figure.subplots()
    for name, report, colour in _both(comparison):
        points = report.risk_coverage
        axes.plot([p.coverage for p in points], [p.risk for p in points], color=colour, label=name)
    axes.set(xlabel="只答最有把握的这部分", ylabel="其中答错的比例", title="把握与差错", xlim=(0, 1), ylim=(0, None))
    axes.legend(fontsize=8)
    return figure


def _both(comparison: Comparison) -> tuple[tuple[str, Report, str], ...]:
    return ("现版本", comparison.champion, CHAMPION), ("候选", comparison.candidate, CANDIDATE)
