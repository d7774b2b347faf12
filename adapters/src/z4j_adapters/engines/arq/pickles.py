"""Reads pickles without doing what they say.

A pickle names classes and functions and has them called.  Here every one of them is a `Record`,
which remembers what it was called with; nothing is imported, and no code but this page's runs.
"""

from __future__ import annotations

import io
import pickle
from functools import lru_cache
from typing import Any, ClassVar

__all__ = ["Record", "read_pickle"]


class Record:
    """Stands for an object of some class, or for what some function returned."""

    module: ClassVar[str] = ""
    """Of the class or function."""
    name: ClassVar[str] = ""
    """Its qualified name."""
    args: tuple[Any, ...]
    """What it was called with; for an exception, its arguments."""

    def __new__(cls, *args: Any, **_: Any) -> Record:
        record = object.__new__(cls)
        record.args = args
        return record

    def __init__(self, *_: Any, **__: Any) -> None:
        """Nothing is done with it."""

    def __call__(self, *args: Any, **_: Any) -> Record:
        """A function that came from somewhere else."""
        return Record(*args)

    def __setstate__(self, _: Any) -> None:
        """Attributes; nobody asks for them."""

    def __setitem__(self, _: Any, __: Any) -> None:
        """Items of a kind of dict."""

    def append(self, _: Any) -> None:
        """Items of a kind of list."""

    def extend(self, _: Any) -> None:
        """As append."""

    def add(self, _: Any) -> None:
        """Items of a kind of set."""

    def __repr__(self) -> str:
        return f"<{self.name or 'object'}>"


@lru_cache(maxsize=1000)
def _stand_in(module: str, name: str) -> type[Record]:
    return type("Record", (Record,), {"module": module, "name": name})


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[Record]:
        return _stand_in(module, name)


def read_pickle(data: bytes) -> Any:
    """Read a pickle.  Raises any Exception if it is none, or asks for what a Record cannot be."""
    return _Reader(io.BytesIO(data)).load()
