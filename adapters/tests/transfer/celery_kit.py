"""Celery apps made for a test, what becomes of them, and random definitions in them."""

from __future__ import annotations

import itertools
import random
import sys
from datetime import datetime
from types import ModuleType
from typing import Any

from celery import Celery
from transfer.instants import UTC, lines_of
from z4j_adapters.engines.celery.importing.static import CeleryImporter

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_NUMBERS = itertools.count()


def make_app(zone: str | None = "UTC", **conf: Any) -> Celery:
    """An app that no other knows."""
    app = Celery(f"made{next(_NUMBERS)}", broker="memory://", set_as_current=False)
    if zone is not None:
        app.conf.timezone = zone
    app.conf.result_expires = None  # No entry but the test's own.
    app.conf.update(conf)
    return app


def named(app: Celery) -> str:
    """Where `--celery-app` finds the app."""
    name = f"z4j_made_app_{next(_NUMBERS)}"
    module = ModuleType(name)
    module.app = app  # type: ignore[attr-defined]
    sys.modules[name] = module
    return f"{name}:app"


NO_MORE = {"state": None, "redbeat_url": None}
"""Of the options of --from celery: nothing beside the app."""


def imported(app: Celery, **options: Any) -> dict[str, dict[str, Any]]:
    """The lines by the entries' names; of a group the first."""
    given = {"at": AT, **NO_MORE, "celery_app": named(app), **options}
    found: dict[str, dict[str, Any]] = {}
    for line in lines_of(CeleryImporter, **given):
        found.setdefault(line["source"]["key"], line)
    return found


def entry(what: Any, *, zone: str | None = "UTC", conf: Any = None, **more: Any) -> dict[str, Any]:
    """The line of one entry."""
    app = make_app(zone, **(conf or {}))
    app.conf.beat_schedule = {"e": {"task": "t", "schedule": what, **more}}
    return imported(app)["e"]


def instant(text: str) -> datetime:
    """Read RFC 3339."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


_BOUNDS = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
    "day_of_week": (0, 6),
}
_NAMES = {
    "month_of_year": [
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ],
    "day_of_week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


def draw_crontab(draw: random.Random, *, texts: bool = False) -> dict[str, Any]:
    """Arguments of crontab: texts, numbers and lists, as people write them; `texts` only."""
    stars = {"minute": 0.15, "hour": 0.3, "day_of_month": 0.6, "month_of_year": 0.7}
    found = {}
    for name in _BOUNDS:
        if draw.random() >= stars.get(name, 0.6):
            found[name] = _draw_field(draw, name, texts)
    if draw.random() < 0.4:  # At night, when the clocks are changed.
        hours = ["2", "1,2", "2,3", "0", "23,0", "*/2", "1-3", "0-4", "*", "23"]
        found = {"minute": found.get("minute", "*"), "hour": draw.choice(hours)}
    return found


def _draw_field(draw: random.Random, name: str, texts: bool) -> Any:
    low, high = _BOUNDS[name]
    kind = draw.random()
    if kind < 0.2 and not texts:
        return draw.randint(low, high)
    if kind < 0.35 and not texts:
        values = [draw.randint(low, high) for _ in range(draw.randint(1, 4))]
        return draw.choice([list, set, tuple, frozenset])(values)
    return ",".join(_draw_part(draw, name) for _ in range(draw.choice([1, 1, 1, 2, 3])))


def _draw_part(draw: random.Random, name: str) -> str:
    low, high = _BOUNDS[name]
    first, last = _named(draw, name), _named(draw, name)
    step = draw.choice(["", "", f"/{draw.randint(1, high - low + 4)}"])
    return draw.choice([first, first, f"{first}-{last}{step}", f"*/{draw.randint(1, high + 3)}"])


def _named(draw: random.Random, name: str) -> str:
    low, high = _BOUNDS[name]
    value = draw.randint(low, high)
    if name in _NAMES and draw.random() < 0.3:
        return _NAMES[name][value - low]
    return str(value)
