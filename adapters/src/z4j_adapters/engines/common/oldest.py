"""Memory with a bound: what is oldest goes first."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TypeVar

__all__ = ["oldest_over"]

K = TypeVar("K")

AT_ONCE_SHARE = 100


def oldest_over(entries: Mapping[K, object], bound: int) -> list[K]:
    """Name the entries to drop, those that were put in first, for no more than `bound` to be left.

    A dict passes over all that was taken from its front to find what is there now, so it is a
    hundredth more than need be: then the next ones cost nothing for a while.
    """
    excess = len(entries) - bound
    return list(islice(entries, excess + bound // AT_ONCE_SHARE)) if excess > 0 else []
