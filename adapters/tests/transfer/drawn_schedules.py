"""Random schedules as people make them, for tests of exporters."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from transfer.instants import Evaluator
from z4j_adapters.transfer.cron_fields import BOUNDS
from z4j_adapters.transfer.values import duration, micros, timestamp

SHORT_S = 7 * 86_400  # Of a period.
TASKS = ("proj.tasks.report", "send", "a.b:c")


def draw_schedules(
    draw: random.Random,
    running: Evaluator,
    n: int,
    *,
    at: datetime,
    engine: str,
    zones: tuple[str, ...],
    more: Callable[[random.Random], dict[str, Any]] = lambda draw: {},
) -> dict[str, dict[str, Any]]:
    """n schedules that the scheduler takes, by their ids; most of them plain, in the first zone.

    `more` gives further fields, which only this engine has.
    """
    found: dict[str, dict[str, Any]] = {}
    while len(found) < n:
        schedule = _draw(draw, at, zones) | {"engine": engine, "task": draw.choice(TASKS)}
        schedule |= more(draw)
        if "error" not in running.ask({"export": schedule, "now_us": micros(at)}):
            found[f"s{len(found)}"] = schedule
    return found


def _draw(draw: random.Random, at: datetime, zones: tuple[str, ...]) -> dict[str, Any]:
    zone = zones[0] if draw.random() < 0.85 else draw.choice(zones)
    kind = draw.random()
    if kind < 0.68:
        spec = {"cron": _draw_cron(draw)}
    elif kind < 0.86:
        spec = {"interval": _draw_interval(draw, at)}
    elif kind < 0.92:
        spec = {"oneShot": {"fireTime": timestamp(at + _span(draw, 2e7))}}
    elif kind < 0.97:
        spec = {"calendarInterval": _draw_calendar(draw, at)}
    else:
        spec = {"solar": {"event": "EVENT_SUNSET", "latitude": 52.5, "longitude": 13.4}}
    return {
        "spec": spec,
        "timeZone": zone,
        "gap": "GAP_POLICY_" + draw.choice(["NEXT_VALID", "SHIFT", "SHIFT", "SKIP"]),
        "fold": "FOLD_POLICY_" + draw.choice(["AUTO", "FIRST", "FIRST", "SECOND", "BOTH"]),
        **_draw_call(draw),
        **_draw_bounds(draw, at),
    }


def _draw_cron(draw: random.Random) -> dict[str, Any]:
    stars = {"minute": 0.15, "hour": 0.3, "dayOfMonth": 0.6, "month": 0.7, "dayOfWeek": 0.6}
    fields = {name: draw_field(draw, name) for name, star in stars.items() if draw.random() >= star}
    if draw.random() < 0.4:  # At night, when the clocks are changed.
        hour = draw.choice(["2", "1,2", "2,3", "0", "0,23", "*/2", "1-3", "0-4", "*", "23"])
        fields = {"minute": fields.get("minute", "0"), "hour": hour}
    rare = draw.random()
    if rare < 0.04:
        fields["second"] = draw.choice(["30", "*/15", "0,59"])
    elif rare < 0.08:
        fields["dayOfMonth"] = draw.choice(["L", "L-3", "15W", "LW", "1,L"])
    elif rare < 0.14:
        fields["dayOfWeek"] = draw.choice(["5#2", "5L", "1#1,3#3", "MON#5", "2,5#2"])
    elif rare < 0.18:
        fields["year"] = draw.choice(["2026-2040", "2027,2029"])
    elif rare < 0.2:
        fields["isoWeek"] = draw.choice(["1-26", "53", "*/2"])
    match = draw.choice(["AND", "OR"])
    return {**fields, "dayMatch": f"DAY_MATCH_{match}"}


def draw_field(draw: random.Random, name: str) -> str:
    """A field of a cron, as people write them."""
    low, high = BOUNDS[name]
    kind = draw.random()
    if kind < 0.4:
        return str(draw.randint(low, high))
    if kind < 0.6:
        return f"*/{draw.randint(2, (high - low) // 2 + 2)}"
    first, last = sorted((draw.randint(low, high), draw.randint(low, high)))
    if kind < 0.8:
        return f"{first}-{last}"
    return ",".join(str(draw.randint(low, high)) for _ in range(draw.randint(2, 4)))


def _draw_interval(draw: random.Random, at: datetime) -> dict[str, Any]:
    period = draw.choice([1, 30, 60, 90, 3600, 7200, 86_400, 0, 0])
    span = timedelta(seconds=period or draw.randint(2, SHORT_S))
    if draw.random() < 0.1:
        span += timedelta(microseconds=draw.randint(1, 999_999))
    anchor = at - _span(draw, 2e6)
    interval = {"period": duration(span), "anchorTime": timestamp(anchor)}
    if draw.random() < 0.1:
        days = draw.randint(1, 9)
        interval |= {"period": f"{days * 86_400}s", "arithmetic": "ARITHMETIC_WALL"}
    return interval


def _draw_calendar(draw: random.Random, at: datetime) -> dict[str, Any]:
    unit = draw.choice(["days", "weeks", "months", "years"])
    start = (at - _span(draw, 4e7)).date()
    time = draw.choice(["00:00", "02:30", "12:00:05"])
    return {unit: draw.randint(1, 4), "startDate": start.isoformat(), "atTime": time}


def _draw_call(draw: random.Random) -> dict[str, Any]:
    return _some(
        draw,
        (0.5, "argsJson", lambda: json.dumps([1, "zwei", None, {"x": [2.5, True]}])),
        (0.4, "kwargsJson", lambda: json.dumps({"to": "a@b", "n": draw.randrange(10**20)})),
        (0.3, "queue", lambda: draw.choice(["reports", "low"])),
        (0.03, "priority", lambda: draw.choice([-50, 10])),
        (0.15, "expires", lambda: draw.choice(["90s", "3600s", "1.5s"])),
    )


def _draw_bounds(draw: random.Random, at: datetime) -> dict[str, Any]:
    return _some(
        draw,
        (0.03, "startTime", lambda: timestamp(at + _span(draw, 4e6))),
        (0.03, "endTime", lambda: timestamp(at + _span(draw, 4e7) + timedelta(days=1))),
        (0.03, "maxFires", lambda: draw.choice([1, 5])),
        (0.02, "jitter", lambda: "30s"),
        (0.02, "overlap", lambda: "OVERLAP_SKIP"),
        (0.02, "runRetry", lambda: {"maxAttempts": 3}),
        (0.03, "state", lambda: "STATE_PAUSED"),
        (0.1, "description", lambda: "of the night"),
        (0.1, "labels", lambda: {"team": "billing"}),
        (0.1, "catchUp", lambda: "CATCH_UP_SKIP"),
    )


def _some(draw: random.Random, *choices: tuple[float, str, Callable[[], Any]]) -> dict[str, Any]:
    return {name: value() for chance, name, value in choices if draw.random() < chance}


def _span(draw: random.Random, most_s: float) -> timedelta:
    return timedelta(seconds=draw.randrange(1, int(most_s)))
