"""What beat sends and when, in the forms that Celery has; app.py and tasks.py add six more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from celery.schedules import crontab, schedule, solar

# Often enough to be watched.
_FREQUENT: dict[str, dict[str, Any]] = {
    "poll-orders": {"task": "shop.poll_orders", "schedule": 2.0},
    "poll-stock": {"task": "shop.poll_stock", "schedule": timedelta(seconds=3)},
    "prices-eur": {"task": "shop.refresh_prices", "schedule": 5, "args": ("EUR",)},
    "prices-usd": {"task": "shop.refresh_prices", "schedule": 5, "args": ("USD",)},
    "metrics": {
        "task": "shop.metrics",
        "schedule": schedule(timedelta(seconds=6), relative=True),
        "options": {"expires": 10, "priority": 9},
    },
    "charge-cards": {
        "task": "shop.charge_cards",
        "schedule": crontab(),
        "options": {"queue": "money"},
    },
    "send-mails": {
        "task": "shop.send_mails",
        "schedule": crontab(minute="*"),
        "kwargs": {"limit": 50},
    },
}

_CRONTABS: dict[str, dict[str, Any]] = {
    "quarter-hourly": {"task": "shop.sync", "schedule": crontab(minute="*/15"), "args": ("stock",)},
    "office-hours": {
        "task": "shop.sync",
        "schedule": crontab(minute="5,35", hour="8-18", day_of_week="mon-fri"),
        "args": ("crm",),
    },
    "late-shift": {
        "task": "shop.sync",
        "schedule": crontab(minute="20", hour="22-2"),
        "args": ("till",),
    },
    "every-other-hour": {"task": "shop.reindex", "schedule": crontab(minute=0, hour="*/2")},
    "odd-days": {
        "task": "shop.reindex",
        "schedule": crontab(0, 4, day_of_month="1-31/2"),
        "args": (True,),
    },
    "payroll": {
        "task": "shop.payroll",
        "schedule": crontab(minute=30, hour=6, day_of_month=25),
        "options": {"queue": "money", "priority": 0, "expires": 6 * 3600},
    },
    "vat": {
        "task": "shop.vat",
        "schedule": crontab(minute=0, hour=9, day_of_month="10", month_of_year="1,4,7,10"),
        "args": ("DE", Decimal("0.19")),
    },
    "stand-up": {
        "task": "shop.greet",
        "schedule": crontab(0, "9", day_of_week="1-5"),
        "args": ("all",),
    },
    "friday-13th": {
        "task": "shop.lucky",
        "schedule": crontab(0, 12, day_of_month=13, day_of_week="fri"),
    },
    "leap-day": {
        "task": "shop.lucky",
        "schedule": crontab(0, 0, day_of_month=29, month_of_year=2),
        "args": (4,),
    },
    "sunday-report": {
        "task": "shop.report",
        "schedule": crontab(15, 7, day_of_week="sun"),
        "args": ("week",),
    },
    "month-report": {
        "task": "shop.report",
        "schedule": crontab(15, 7, day_of_month=1),
        "args": ("month",),
    },
    "winter-report": {
        "task": "shop.report",
        "schedule": crontab(minute=45, hour=17, month_of_year="dec,jan,feb", day_of_week=[1, 3]),
        "args": ("season",),
        "options": {"headers": {"tenant": "north"}},
    },
    # In the hour that a change of the clock removes, or repeats.
    "nightly-backup": {"task": "shop.backup", "schedule": crontab(30, 2), "args": ("orders",)},
    "night-watch": {"task": "shop.watch", "schedule": crontab(minute="15,45", hour=2)},
    "night-shift": {
        "task": "shop.watch",
        "schedule": crontab(minute="*/20", hour="1-3"),
        "args": ("till",),
    },
    "new-year": {
        "task": "shop.greet",
        "schedule": crontab(0, 0, day_of_month=1, month_of_year=1),
        "kwargs": {"since": date(1999, 1, 1)},
    },
}

_INTERVALS: dict[str, dict[str, Any]] = {
    "hourly-cleanup": {"task": "shop.purge", "schedule": 3600, "args": ("carts",)},
    "daily-cleanup": {"task": "shop.purge", "schedule": timedelta(days=1), "args": ("sessions",)},
    "midnight-cleanup": {
        "task": "shop.purge",
        "schedule": schedule(timedelta(days=1), relative=True),
        "args": ("logs",),
    },
    "six-hours": {"task": "shop.archive", "schedule": schedule(timedelta(hours=6), relative=True)},
    "ninety-minutes": {
        "task": "shop.archive",
        "schedule": timedelta(minutes=90),
        "kwargs": {"deep": True},
    },
    "weekly-audit": {
        "task": "shop.audit",
        "schedule": timedelta(weeks=1),
        "options": {"time_limit": 600, "soft_time_limit": 540},
    },
}

# Not exactly, or not at all.
_HARD: dict[str, dict[str, Any]] = {
    "lights-on": {
        "task": "shop.lights",
        "schedule": solar("sunset", 52.52, 13.40),
        "args": (True,),
    },
    "lights-off": {
        "task": "shop.lights",
        "schedule": solar("sunrise", 52.52, 13.40),
        "args": (False,),
    },
    "second-reminder": {
        "task": "shop.remind",
        "schedule": crontab(0, 10),
        "options": {"countdown": 900},
    },
}


class Workdays(crontab):
    """A schedule class of the shop's own: no fires on days that a calendar calls holidays."""

    def is_due(self, last_run_at: Any) -> Any:
        """As a crontab, but on holidays."""
        found = super().is_due(last_run_at)
        return (
            found
            if self.now().date().isoformat() not in {"2026-12-25", "2026-12-26"}
            else (False, 3600)
        )


_HARD["invoices"] = {"task": "shop.invoice", "schedule": Workdays(minute=0, hour=11)}

BEAT_SCHEDULE = {**_FREQUENT, **_CRONTABS, **_INTERVALS, **_HARD}
