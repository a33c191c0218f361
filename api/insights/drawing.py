"""Draws the plots of the insights as SVG, with matplotlib."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from api.insights.plots import Bars, Lines, Panels, Plot, Ranges, Thresholds
from model.plot_style import FONT, STYLE

NICENESS = 10  # Recommendations go first.
TICKS = 4


@dataclass(frozen=True)
class Colours:
    """Those of page.css, so that the plots belong to the page. `series` are told apart without colour vision too."""

    ink: str
    line: str
    faint: str
    bad: str
    series: tuple[str, ...]


LIGHT = Colours("#52606d", "#dfe3e8", "#c6ced8", "#b42318", ("#1559c7", "#c77700", "#146c43"))
DARK = Colours("#a8b3bf", "#343a42", "#4a535e", "#ff9d92", ("#7db1ff", "#f4bd68", "#6ccf9c"))


def draw(plot: Plot, is_dark: bool, is_narrow: bool) -> bytes:
    """The plot as SVG on no ground; one unit of it is one CSS pixel."""
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    colours = DARK if is_dark else LIGHT
    font_manager.fontManager.addfont(FONT)
    with mpl.rc_context(_style(colours)):
        width, height = plot.size(is_narrow)
        # SVG has 72 units an inch.
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        _draw(plot, figure, colours, is_narrow)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return file.getvalue()


def _style(colours: Colours) -> Any:
    plain = dict.fromkeys(("axes.edgecolor", "grid.color"), colours.line)
    inked = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), colours.ink)
    return {
        **STYLE,
        **plain,
        **inked,
        "font.size": 12,
        "axes.titlesize": 12,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "xtick.color": colours.line,
        "ytick.left": False,
        "legend.frameon": False,
        "legend.fontsize": 12,
        "legend.handlelength": 1.2,
        "legend.borderaxespad": 0,
        "legend.borderpad": 0.1,
    }


def _draw(plot: Plot, figure: Figure, colours: Colours, is_narrow: bool) -> None:
    match plot:
        case Panels():
            _panels(plot, figure, colours, is_narrow)
        case Lines():
            _lines(plot, figure, colours, is_narrow)
        case Bars():
            _bars(plot, figure, colours, is_narrow)
        case Ranges():
            _ranges(plot, figure, colours, is_narrow)
        case Thresholds():
            _thresholds(plot, figure, colours)


def _panels(plot: Panels, figure: Figure, colours: Colours, is_narrow: bool) -> None:
    columns = plot.columns(is_narrow)
    rows = -(-len(plot.series) // columns)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    places = range(len(plot.points))
    for axes, series in zip(grid.flat, plot.series, strict=False):
        if len(plot.points) == 1:
            axes.bar(places, series.values, width=0.3, color=colours.series[0])
        else:
            axes.fill_between(places, series.values, color=colours.series[0], alpha=0.22, linewidth=0)
            axes.plot(places, series.values, color=colours.series[0], linewidth=1.5)
        axes.set_title(series.name)
        axes.set_ylim(0, None)
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=not plot.unit, min_n_ticks=2))
        if plot.unit:
            axes.yaxis.set_major_formatter("{x:g}" + plot.unit)
    shown = list(grid.flat)[: len(plot.series)]
    for axes in list(grid.flat)[len(plot.series) :]:
        axes.remove()
    ends = sorted({0, len(plot.points) - 1})
    for axes in shown[-columns:]:  # The lowest of each column.
        axes.tick_params(labelbottom=True)
        axes.set_xticks(ends, [plot.points[end] for end in ends])
        if len(ends) > 1:
            labels = axes.get_xticklabels()
            labels[0].set_horizontalalignment("left")
            labels[-1].set_horizontalalignment("right")


def _lines(plot: Lines, figure: Figure, colours: Colours, is_narrow: bool) -> None:
    axes = figure.subplots()
    places = range(len(plot.points))
    for series, colour in zip(plot.series, colours.series, strict=False):
        axes.plot(places, series.values, color=colour, label=series.name, linewidth=1.8, marker="o", markersize=3)
    for name, value in plot.marks:
        axes.axhline(value, color=colours.ink, linewidth=1, linestyle=":", label=name)
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    _date_axis(axes, plot.points, is_narrow)
    figure.legend(loc="outside upper left", ncols=1 if is_narrow else 3)


def _bars(plot: Bars, figure: Figure, colours: Colours, is_narrow: bool) -> None:
    axes = figure.subplots()
    places = range(len(plot.labels))
    left = [0.0] * len(plot.labels)
    for part, colour in zip(plot.parts, (colours.series[0], colours.series[1], colours.faint), strict=False):
        axes.barh(places, part.values, left=left, color=colour, label=part.name, height=0.3 if is_narrow else 0.62)
        left = [before + more for before, more in zip(left, part.values, strict=True)]
    if is_narrow:  # The names need the width: each stands above its bar.
        for place, label in zip(places, plot.labels, strict=True):
            axes.annotate(label, (0, place), (0, 7), textcoords="offset points", va="bottom", fontsize=11)
        axes.set_yticks([])
        axes.set_ylim(len(plot.labels) - 0.7, -0.8)
    else:
        axes.set_yticks(places, plot.labels)
        axes.set_ylim(len(plot.labels) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True, min_n_ticks=2))
    figure.legend(loc="outside upper left", ncols=len(plot.parts))


def _ranges(plot: Ranges, figure: Figure, colours: Colours, is_narrow: bool) -> None:
    axes = figure.subplots()
    places = range(len(plot.points))
    heights = [high - low for low, high in zip(plot.low, plot.high.values, strict=True)]
    axes.bar(places, heights, bottom=plot.low, width=0.8, color=colours.faint, label=plot.high.name)
    axes.bar(places, plot.paid.values, width=0.4, color=colours.series[0], label=plot.paid.name)
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter("{x:,.0f} 元")
    axes.yaxis.set_major_locator(MaxNLocator(TICKS, integer=True))
    _date_axis(axes, plot.points, is_narrow)
    figure.legend(loc="outside upper left", ncols=2)


def _thresholds(plot: Thresholds, figure: Figure, colours: Colours) -> None:
    axes = figure.subplots()
    places = range(len(plot.labels))
    fill = [colours.bad if has_drifted else colours.series[0] for has_drifted in plot.has_drifted]
    axes.barh(places, plot.values, color=fill, height=0.5)
    axes.axvline(plot.watch_from, color=colours.ink, linewidth=1, linestyle=":", label="留意")
    axes.vlines(
        plot.act_from, [p - 0.4 for p in places], [p + 0.4 for p in places], color=colours.bad, label="该标注的门槛"
    )
    axes.set_yticks(places, plot.labels)
    axes.set_ylim(len(plot.labels) - 0.5, -0.5)
    axes.set_xlim(0, 1.1 * max(*plot.values, *plot.act_from))
    axes.grid(visible=False)
    axes.set_xlabel("PSI")
    figure.legend(loc="outside upper left", ncols=2)


def _date_axis(axes: Axes, points: Any, is_narrow: bool) -> None:
    shown = 3 if is_narrow else 7
    step = -(-len(points) // shown)
    ticks = list(range(0, len(points), step))
    axes.set_xticks(ticks, [points[tick] for tick in ticks])
    axes.set_xlim(-0.6, len(points) - 0.4)
