"""The store's time: whole milliseconds since 1970 UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """This moment, by the machine's clock."""
    return time.time_ns() // 1_000_000


def as_datetime(ms: int) -> datetime:
    """A stored time for people and programs."""
    return datetime.fromtimestamp(ms / 1000, UTC)
