"""The days that the insights look at, as the shop counts them: in China's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from api.store.retention import DAY_MS
from model.opening_hours import CHINA

MAX_DAYS = 366
DEFAULT_DAYS = 30
MAX_DAILY = 62  # Longer stretches are shown by the week.
EPOCH = date(1970, 1, 1)
CHINA_OFFSET_MS = 8 * 3_600_000  # No summer time since 1991.


class DateRangeError(ValueError):
    """The days asked for are none; says why in Chinese."""


@dataclass(frozen=True)
class DateRange:
    """Consecutive days, both ends inside."""

    first: date
    last: date

    @property
    def start_ms(self) -> int:
        """When the first day began."""
        return (self.first - EPOCH).days * DAY_MS - CHINA_OFFSET_MS

    @property
    def end_ms(self) -> int:
        """When the last day ended; no longer inside."""
        return self.start_ms + self.days * DAY_MS

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def is_weekly(self) -> bool:
        """Whether a point of its plots is a week, beginning on Monday, or a day."""
        return self.days > MAX_DAILY

    @property
    def points(self) -> list[date]:
        """The days, or the Mondays of the weeks, in order."""
        return sorted({self.point(self.first + timedelta(days=n)) for n in range(self.days)})

    def point(self, day: date) -> date:
        """The point that a day belongs to."""
        return day - timedelta(days=day.weekday()) if self.is_weekly else day

    @property
    def query(self) -> str:
        """As addresses say it."""
        return f"from={self.first}&to={self.last}"


def today() -> date:
    """The day that it is in China."""
    return datetime.now(CHINA).date()


def latest(days: int) -> DateRange:
    """So many days until today."""
    return DateRange(today() - timedelta(days=days - 1), today())


def parse_range(first: str, last: str) -> DateRange:
    """The range from the form's two fields; an empty one is as many days from the other as a page shows by itself.

    Raises:
        DateRangeError: no dates, in the wrong order, in the future, or too many days.
    """
    if not first and not last:
        return latest(DEFAULT_DAYS)
    try:
        to = date.fromisoformat(last) if last else today()
        since = date.fromisoformat(first) if first else to - timedelta(days=DEFAULT_DAYS - 1)
    except (ValueError, OverflowError) as error:
        raise DateRangeError("日期要写成 2026-11-22 这样") from error
    if to > today():
        raise DateRangeError("日期不能晚于今天")
    if since > to:
        raise DateRangeError("开始日期不能晚于结束日期")
    found = DateRange(since, to)
    if found.days > MAX_DAYS:
        raise DateRangeError(f"一次最多看 {MAX_DAYS} 天")
    return found
