"""What an actor with periodiq's option becomes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.minutes import asked_every_minute
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.values import duration
from z4j_adapters.transfer.wall import day_exists
from z4j_adapters.transfer.zones import zone_of

__all__ = ["actor_fields", "periodiq_entry"]

_SUNDAY = "Sunday is 7 to periodiq; as 0 or sun it never comes"


def actor_fields(actor: Any) -> dict[str, Any]:
    """What a schedule says of the actor that it calls."""
    queue = str(actor.queue_name)
    named = {} if queue == "default" else {"queue": queue}
    return {"engine": "dramatiq", "task": str(actor.actor_name), **named}


def periodiq_entry(
    key: str, actor: Any, skip_delay_s: float | None, timezone: str | None
) -> Found | Refused:
    """Read the option `periodic` of an actor."""
    from periodiq import CronSpec

    given = actor.options["periodic"]
    raw = f"periodic={given!r}"
    if type(given) is not CronSpec:
        reason = f"periodic is a {type(given).__name__}, not periodiq's cron(…)"
        return Refused(key, "R1_OPAQUE", reason, "write periodiq.cron(…)", key, raw)
    weekdays = frozenset(day % 7 for day in given.dow if 1 <= day <= 7)
    # As periodiq's own test of a date has it.
    either = given.is_dow_restricted and given.is_dom_restricted
    days = frozenset(given.dom)
    real = day_exists(days, given.month)
    if not ((real or weekdays) if either else (real and weekdays)):
        reason = _SUNDAY if not weekdays else "there is no such day in its months"
        return Refused(key, "R6_NEVER_FIRES", reason, "write the times that are meant", key, raw)
    if not timezone:
        return Refused(
            key,
            "R4_ZONE",
            "periodiq follows the clock of its host, and does not say which zone that is",
            "give --timezone ZONE, such as Europe/Berlin",
            key,
            raw,
        )
    restricting = either and bool(weekdays)
    spec, becomes = cron(
        minute=given.minute,
        hour=given.hour,
        day_of_month=days,
        month=given.month,
        day_of_week=weekdays if restricting or not either else None,
        day_match="OR" if restricting else "AND",
    )
    schedule = {
        **actor_fields(actor),
        **({} if skip_delay_s is None else {"expires": _expiry(skip_delay_s)}),
        "spec": {"cron": spec},
        "timeZone": timezone,
        "gap": "GAP_POLICY_SKIP",
        "fold": "FOLD_POLICY_BOTH",
        "catchUp": "CATCH_UP_SKIP",
    }
    warnings: tuple[Note, ...] = ()
    if 0 in given.dow and 7 not in given.dow:
        warnings = (Note("SUNDAY_NEVER", f"{_SUNDAY}, and so it does here"),)
    probe = (min(given.hour), min(given.minute))
    fires = asked_every_minute(given.validate, zone_of(timezone), probe)
    return Found(key, schedule, becomes, warnings=warnings, raw=raw, fires=fires)


def _expiry(seconds: float) -> str:
    return duration(max(timedelta(seconds=seconds), timedelta(seconds=1)))
