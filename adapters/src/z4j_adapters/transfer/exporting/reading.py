"""What exporters need to load what they wrote: stand-ins of your functions, and a host's zone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from types import FunctionType, MethodType, ModuleType
from typing import Any

from z4j_adapters.transfer.zones import zone_of

__all__ = ["host_zone", "stand_ins"]


@contextmanager
def stand_ins(functions: Iterable[str]) -> Iterator[None]:
    """Let modules be imported that are not there, or whose code is not to run.

    Args:
        functions: "shop.tasks:clean", "shop.tasks:clean.delay"; calling one raises.  A module that
            is loaded already stays what it is.
    """
    with ExitStack() as undo:
        for path in functions:
            module, _, names = path.partition(":")
            owner: Any = _module(module, undo)
            for number, name in enumerate(names.split(".")):
                if not hasattr(owner, name):
                    made: Any = _function(module, name)
                    _set(owner, name, MethodType(made, owner) if number else made, undo)
                owner = getattr(owner, name)
        yield


def _module(name: str, undo: ExitStack) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    made = sys.modules[name] = ModuleType(name)
    undo.callback(sys.modules.pop, name, None)
    parent, _, last = name.rpartition(".")
    if parent:
        _set(_module(parent, undo), last, made, undo)
    return made


def _set(owner: Any, name: str, value: Any, undo: ExitStack) -> None:
    with suppress(AttributeError, TypeError):  # What has no such attribute cannot be given one.
        setattr(owner, name, value)
        undo.callback(delattr, owner, name)


def _function(module: str, name: str) -> Callable[..., None]:
    def never(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"{name} stands in for a function of yours")

    made = FunctionType(never.__code__, never.__globals__, name, None, never.__closure__)
    made.__module__, made.__qualname__ = module, name
    return made


@contextmanager
def host_zone(name: str | None) -> Iterator[None]:
    """Let the clock of this process be that of a zone; None leaves it."""
    if name is None:
        yield
        return
    before = os.environ.get("TZ")
    _set_zone(_posix(name))
    try:
        yield
    finally:
        _set_zone(before)


def _set_zone(value: str | None) -> None:
    if value is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = value
    time.tzset()


def _posix(name: str) -> str:
    """As TZ has it: a fixed offset counts westward there."""
    offset = zone_of(name).utcoffset(None)
    if offset is None or not name.startswith("UTC"):
        return name
    sign, ahead = ("-", -offset) if offset < timedelta(0) else ("+", offset)
    text = f"{ahead.seconds // 3600:02d}:{ahead.seconds // 60 % 60:02d}"
    return f"<{sign}{text.replace(':', '')}>{'-' if sign == '+' else '+'}{text}"
