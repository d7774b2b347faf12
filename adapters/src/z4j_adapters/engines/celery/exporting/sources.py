"""Zones and spans as Python source."""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as fixed_zone

from z4j_adapters.transfer.zones import zone_of

__all__ = ["datetime_source", "timedelta_source", "zone_source"]


def timedelta_source(span: timedelta) -> str:
    """A timedelta as people write it: "timedelta(hours=2)"."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if span % timedelta(seconds=size) == timedelta(0):
            return f"timedelta({unit}={span // timedelta(seconds=size)})"
    seconds, rest = divmod(span, timedelta(seconds=1))
    micros = rest // timedelta(microseconds=1)
    parts = [f"{name}={n}" for name, n in (("seconds", seconds), ("microseconds", micros)) if n]
    return f"timedelta({', '.join(parts)})"


def datetime_source(at: datetime) -> str:
    """An instant: "datetime.fromisoformat('2026-03-01T12:00:00+00:00')"."""
    return f"datetime.fromisoformat({at.astimezone(fixed_zone.utc).isoformat()!r})"


def zone_source(zone: str) -> str:
    """Source of the setting `timezone`: a name, or a zone of fixed offset."""
    found = zone_of(zone)
    if not isinstance(found, fixed_zone):
        return repr(zone)
    return f"fixed_zone(timedelta(minutes={found.utcoffset(None) // timedelta(minutes=1)}))"
