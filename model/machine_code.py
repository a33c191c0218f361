"""Functions over arrays compiled by Numba, kept from one start to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Machine code of a function, made for the types of its first call."""
    return _kept(numba.njit, function)  # type: ignore[no-any-return]


def compiled_over_last_axis(types: str, layout: str) -> Callable[[Callable[..., None]], Any]:
    """Machine code of a function over the last axis, as a generalised ufunc; see `numba.guvectorize`."""

    def compile_for(function: Callable[..., None], **options: bool) -> Any:
        return numba.guvectorize([types], layout, **options)(function)  # type: ignore[no-untyped-call]

    return lambda function: _kept(compile_for, function)


def _kept(compiler: Callable[..., Any], function: Callable[..., Any]) -> Any:
    """Compiling takes seconds, so that the result is kept on disk."""
    try:
        return compiler(function, cache=True)
    except RuntimeError:  # Neither the source's folder nor the user's cache can be written: compiled at every start.
        return compiler(function)
