"""Due times: a period from a known start, in the shop's time zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np

from model.case import Case
from model.opening_hours import CHINA
from model.playbook.kinds import DeadlineRule, Period
from model.playbook.policy import Policy
from model.recommendation import NextStep


def next_step(rule: DeadlineRule, case: Case, policy: Policy) -> NextStep:
    """The step with its due time; None while the start is unknown, the period then stands in the words."""
    start = case.now if rule.start == "now" else getattr(case.context, rule.start) if rule.start else None
    due = None if start is None else due_at(start, rule.period, policy).isoformat(timespec="seconds")
    return NextStep(rule.step, due, rule.id)


def due_at(start: datetime, period: Period, policy: Policy) -> datetime:
    """The end of a period. Whole days count from the day after and end with the last one."""
    local = start.astimezone(CHINA)
    if period.seconds is not None:
        return local + timedelta(seconds=period.seconds)
    if period.hours is not None:
        return local + timedelta(hours=period.hours)
    if period.days is not None:
        return local + timedelta(days=period.days)
    if period.end_of_day is not None:
        day = local.date() + timedelta(days=period.end_of_day)
    else:
        holidays = np.array(sorted(policy.holidays), dtype="datetime64[D]")
        start_day = np.datetime64(local.date(), "D")
        end = np.busday_offset(start_day, period.working_days or 0, roll="backward", holidays=holidays)
        day = date.fromisoformat(str(end))
    return datetime.combine(day, time(23, 59, 59), CHINA)
