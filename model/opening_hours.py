"""When the shop answers, and by when it can promise to."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from model.playbook.policy import Policy

CHINA = timezone(timedelta(hours=8))
REMEMBERED_MINUTES = 64


class Moment(NamedTuple):
    """A minute as the shop sees it.

    Attributes:
        today: the date in China.
        is_open: whether it is working time.
        promise: by when an answer can be promised, in words: within working hours, never at night.
    """

    today: date
    is_open: bool
    promise: str


class OpeningHours:
    """The policy's hours and holidays."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._opens, self._closes = _minute_of_day(policy.opens), _minute_of_day(policy.closes)
        self._in_minute = lru_cache(REMEMBERED_MINUTES)(self._look)  # All messages of a minute share one answer.

    def at(self, now: datetime) -> Moment:
        """What the clock says."""
        return self._in_minute(int(now.timestamp() // 60))

    def _look(self, minutes: int) -> Moment:
        local = datetime.fromtimestamp(minutes * 60, CHINA)
        today, minute = local.date(), _minute_of_day(local)
        is_open = self._is_working_day(today) and self._opens <= minute < self._closes
        return Moment(today, is_open, self._promise(today, minute))

    def _promise(self, today: date, minute: int) -> str:
        need = self._policy.answer_within_hours * 60
        early = _clock(min(self._opens + need, self._closes))
        if self._is_working_day(today) and minute + need <= self._closes:
            return f"今天{_clock(self._closes) if minute >= self._opens else early}前"
        day = today + timedelta(days=1)
        while not self._is_working_day(day):
            day += timedelta(days=1)
        ahead = (day - today).days
        name = {1: "明天", 2: "后天"}.get(ahead, f"{day.month}月{day.day}日")
        return f"{name}{early}前"

    def _is_working_day(self, day: date) -> bool:
        """Shops answer on every day but the holidays that the policy lists."""
        return day not in self._policy.holidays


def _minute_of_day(at: time | datetime) -> int:
    return at.hour * 60 + at.minute


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"
