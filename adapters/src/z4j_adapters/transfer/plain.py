"""The values that a pickle may make us build: dates, durations, zones, sets."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["PLAIN", "PinnedZone", "PlainError", "zone_name"]


class PlainError(Exception):
    """A plain value that is none; the message goes on from "the pickle …"."""


class PinnedZone(tzinfo):
    """A zone at one of its offsets, as pytz keeps it beside each instant."""

    def __init__(self, key: str, offset: timedelta) -> None:
        self.key = key
        self._offset = offset

    def utcoffset(self, at: datetime | None, /) -> timedelta:
        return self._offset

    def dst(self, at: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, at: datetime | None, /) -> str:
        return self.key


def zone_name(zone: tzinfo | None) -> str | None:
    """Name a zone that PLAIN made: "Europe/Rome", "UTC", "UTC+05:30"; None: it has none."""
    if isinstance(zone, (ZoneInfo, PinnedZone)):
        return zone.key
    if not isinstance(zone, timezone):
        return None
    minutes, rest = divmod(zone.utcoffset(None), timedelta(minutes=1))
    if rest:
        return None
    if minutes == 0:
        return "UTC"
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def _zoned(make: Callable[..., Any]) -> Callable[..., Any]:
    """A date or time; its zone must be one that was built here."""

    def build(*args: Any) -> Any:
        for arg in args:
            if not isinstance(arg, (bytes, str, int, tzinfo, type(None))):
                path = getattr(arg, "path", type(arg).__name__)
                raise PlainError(f"holds a time in a zone that cannot be read: {path}")
        return make(*args)

    return build


def _zone(key: Any, _from_cache: Any = True) -> ZoneInfo:
    if not isinstance(key, str):
        raise PlainError("holds a zone without a name")
    try:
        return ZoneInfo(key)
    except (OSError, ValueError, KeyError):
        raise PlainError(
            f"holds the zone {key!r}, which the time zone data here does not have"
        ) from None


def _pytz(key: Any, *rest: Any) -> tzinfo:
    """pytz._p(name[, utcoffset, dst, abbreviation]), offsets in seconds."""
    zone = _zone(key)
    return PinnedZone(key, timedelta(seconds=rest[0])) if rest else zone


def _timezone(offset: Any, name: Any = None) -> timezone:
    return timezone(offset)


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How protocols 0 to 2 write bytes."""
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise PlainError(f"encodes as {encoding!r}")
    return codecs.latin_1_encode(text)[0]


def _set(kind: type[Any]) -> Callable[..., Any]:
    def build(values: Any = ()) -> Any:
        if not isinstance(values, (list, tuple)) or any(
            not isinstance(value, (str, int, float, bytes, type(None))) for value in values
        ):
            raise PlainError(f"holds a {kind.__name__} of something other than plain values")
        return kind(values)

    return build


PLAIN: dict[str, Callable[..., Any]] = {
    "datetime.datetime": _zoned(datetime),
    "datetime.date": _zoned(date),
    "datetime.time": _zoned(time),
    "datetime.timedelta": timedelta,
    "datetime.timezone": _timezone,
    "zoneinfo.ZoneInfo._unpickle": _zone,
    "pytz._p": _pytz,
    "pytz._UTC": lambda: timezone.utc,
    "pytz.FixedOffset": lambda minutes: timezone(timedelta(minutes=minutes)),
    "dateutil.tz.tz.tzutc": lambda: timezone.utc,
    "_codecs.encode": _encode,
    "builtins.bytes": lambda: b"",
    "builtins.set": _set(set),
    "builtins.frozenset": _set(frozenset),
}
