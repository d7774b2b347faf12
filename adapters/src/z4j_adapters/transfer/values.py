"""Writes Python values as the API's JSON has them."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timedelta, timezone
from typing import Any

__all__ = ["Inexact", "duration", "json_text", "micros", "redact", "timestamp"]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
DEPTH_MAX = 64  # Deeper than any call needs; the API allows no more.


class Inexact(ValueError):
    """JSON does not hold the value as it is; the message says where and why."""


def timestamp(at: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC: "2026-11-22T01:00:00.5Z"."""
    text = at.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (at - EPOCH) // MICROSECOND


def duration(span: timedelta) -> str:
    """Write a span as protobuf's JSON does: "90s", "0.5s"."""
    us = span // MICROSECOND
    sign, us = ("-", -us) if us < 0 else ("", us)
    whole, rest = divmod(us, 1_000_000)
    return f"{sign}{whole}" + (f".{rest:06d}".rstrip("0") if rest else "") + "s"


def json_text(value: Any, *, tuples: bool = False) -> str:
    """Write `value` as JSON that reads back as the same value.

    Tuples become arrays if `tuples` says that the source's own way to its workers does the same.

    Raises:
        Inexact: JSON has no such value.
    """
    _check(value, "", tuples, 0)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _check(value: Any, path: str, tuples: bool, depth: int) -> None:
    here = path or "the value"
    kind = type(value)
    if depth > DEPTH_MAX:
        raise Inexact(f"{here} nests deeper than {DEPTH_MAX} levels")
    if value is None or kind in (bool, int):
        return
    if kind is float:
        if not math.isfinite(value):
            raise Inexact(f"{here} is {value}, which JSON does not have")
    elif kind is str:
        _check_text(value, here)
    elif kind is list or (kind is tuple and tuples):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", tuples, depth + 1)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Inexact(f"{here} has the key {key!r}, and JSON only text as keys")
            _check_text(key, here)
            _check(item, f"{path}[{key!r}]", tuples, depth + 1)
    else:
        raise Inexact(f"{here} is of type {kind.__module__}.{kind.__qualname__}, not JSON")


def _check_text(text: str, here: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Inexact(f"{here} has half a surrogate pair, which is no valid text") from None


_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/\s]*@")
_SECRET = re.compile(r"(?i)([?&](?:password|passwd|secret|token|sslpassword)=)[^&\s]*")


def redact(url: str) -> str:
    """Leave passwords out of URLs."""
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
