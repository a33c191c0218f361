"""How many messages a key may send."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from api.keyring import Caller
from api.problems import ProblemError


class RateLimit:
    """Counts messages per key in this worker; the open house is not limited."""

    def __init__(self, rate: RateLimitItem) -> None:
        self.rate = rate
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def take(self, caller: Caller, messages: int = 1) -> None:
        """Count messages of the caller.

        Raises:
            ProblemError: 429 with Retry-After; the messages are not counted.
        """
        if not caller.owner or self._limiter.hit(self.rate, caller.owner, cost=messages):
            return
        reset = self._limiter.get_window_stats(self.rate, caller.owner).reset_time
        wait = max(1, math.ceil(reset - time.time()))
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate-limited",
            f"the key may send {self.rate}",
            headers={"Retry-After": str(wait)},
        )
