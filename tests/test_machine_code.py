"""Compiled functions work where nothing can be kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import pytest

from model.machine_code import compiled


def test_a_machine_that_can_keep_nothing_compiles_at_every_start(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = numba.njit

    def read_only(function: Callable[..., Any], cache: bool = False) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")  # Numba's words.
        return njit(function)

    monkeypatch.setattr(numba, "njit", read_only)

    def twice(number: int) -> int:
        return 2 * number

    assert compiled(twice)(21) == 42
