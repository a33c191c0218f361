"""Plots as data, drawn by a process of its own.

Matplotlib computes for some tenths of a second, and would hold up the requests that a worker answers meanwhile. The
process is started by the first plot and ends after five idle minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from anyio import CapacityLimiter, to_process

WIDE, NARROW = 640, 312  # CSS pixels: half of a wide page, all of a side panel.


class Size(NamedTuple):
    """Width and height in CSS pixels."""

    width: int
    height: int


class Series(NamedTuple):
    """A line or an area: a value for each point of time."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Panels:
    """A small area plot for each series, all on the same scale. `unit` is written behind the numbers."""

    points: Sequence[str]
    series: Sequence[Series]
    unit: str = ""

    def columns(self, is_narrow: bool) -> int:
        """Panels side by side."""
        return 2 if is_narrow else 3

    def size(self, is_narrow: bool) -> Size:
        """How large it is drawn."""
        rows = -(-len(self.series) // self.columns(is_narrow))
        return Size(NARROW if is_narrow else WIDE, 30 + 120 * rows)


@dataclass(frozen=True)
class Lines:
    """Shares over time, in percent, with values to compare them with: a dotted line each."""

    points: Sequence[str]
    series: Sequence[Series]
    marks: Sequence[tuple[str, float]]

    def size(self, is_narrow: bool) -> Size:
        """How large it is drawn."""
        return Size(NARROW, 240) if is_narrow else Size(WIDE, 300)


@dataclass(frozen=True)
class Bars:
    """Horizontal bars of stacked parts, the first on top; `parts` from the left."""

    labels: Sequence[str]
    parts: Sequence[Series]

    def size(self, is_narrow: bool) -> Size:
        """How large it is drawn."""
        return Size(NARROW if is_narrow else WIDE, 66 + (38 if is_narrow else 26) * len(self.labels))


@dataclass(frozen=True)
class Ranges:
    """A bar of what was, before the range that was advised, over time."""

    points: Sequence[str]
    paid: Series
    low: Sequence[float]
    high: Series

    def size(self, is_narrow: bool) -> Size:
        """How large it is drawn."""
        return Size(NARROW, 240) if is_narrow else Size(WIDE, 300)


@dataclass(frozen=True)
class Thresholds:
    """A bar for each measure, with the values from which on it is watched and acted on."""

    labels: Sequence[str]
    values: Sequence[float]
    watch_from: float
    act_from: Sequence[float]
    has_drifted: Sequence[bool]

    def size(self, is_narrow: bool) -> Size:
        """How large it is drawn."""
        return Size(NARROW if is_narrow else WIDE, 72 + 36 * len(self.labels))


Plot = Panels | Lines | Bars | Ranges | Thresholds


class Drawer:
    """Has plots drawn, one at a time."""

    def __init__(self) -> None:
        self._one_at_a_time = CapacityLimiter(1)

    async def draw(self, plot: Plot, *, is_dark: bool, is_narrow: bool) -> bytes:
        """The plot as SVG."""
        return await to_process.run_sync(_draw, plot, is_dark, is_narrow, limiter=self._one_at_a_time)


def _draw(plot: Plot, is_dark: bool, is_narrow: bool) -> bytes:
    from api.insights.drawing import draw  # Only the process that draws needs matplotlib's 60 MB.

    return draw(plot, is_dark, is_narrow)
