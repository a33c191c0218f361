"""How many messages a key may send."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from api.keyring import Caller
from api.problems import ProblemError

CLOCK_STEP_SECONDS = 1.0
MAX_COUNTED = 10_000  # Callers at once. There are more only when somebody makes them up, to fill the memory.


class RateLimit:
    """Counts messages per key in this worker; the open house is not limited.

    Made and used on the event loop only: the library's counts are not safe between threads.
    """

    def __init__(self, rate: RateLimitItem) -> None:
        self.rate = rate
        self._counts = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._counts)
        self._clock_offset = time.time() - time.monotonic()

    async def take(self, caller: Caller, messages: int = 1) -> None:
        """Count messages of the caller.

        Raises:
            ProblemError: 429 with Retry-After; the messages are not counted.
        """
        if not caller.owner:
            return
        await self._forget_when_the_clock_jumps()
        if len(self._counts.storage) >= MAX_COUNTED:
            await self._counts.reset()
        if await self._limiter.test(self.rate, caller.owner, cost=messages):
            await self._limiter.hit(self.rate, caller.owner, cost=messages)
            return
        window = await self._limiter.get_window_stats(self.rate, caller.owner)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate-limited",
            f"at most {self.rate}",
            headers={"Retry-After": str(wait)},
        )

    async def _forget_when_the_clock_jumps(self) -> None:
        """The library's windows end by the wall clock: set back a day, it would lock a busy key out for a day."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._clock_offset) > CLOCK_STEP_SECONDS:
            self._clock_offset = offset
            await self._counts.reset()
