"""Celery 5.7.0's crontab as a peer: its due times, and a model of how it crosses DST changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab

from .probe import Probe
from .specs import END, Case

GAP = "gap: ours runs right after it, Celery as late as the clock moved"
FOLD = "fold: ours runs open hours twice, Celery once"
FEATURES = [GAP, FOLD]
LOST_REST = "Celery: what is left of a shifted hour is lost"
SECOND_PASS = "Celery: started in a second pass, it stays there"


@cache
def _app(zone: str) -> Celery:
    app = Celery(set_as_current=False)
    app.conf.timezone = zone
    return app


def due_times(case: Case) -> list[datetime] | None:
    """What beat would do: each due time becomes last_run_at of the next; None if refused."""
    now = case.after
    spec = case.spec
    try:
        schedule = crontab(
            minute=spec.minute,
            hour=spec.hour,
            day_of_week=spec.day_of_week,
            day_of_month=spec.day_of_month,
            month_of_year=spec.month,
            nowfun=lambda: now,
            app=_app(case.zone),
        )
    except ValueError as error:
        assert "can never" in str(error) or "nvalid" in str(error), error
        return None
    times = []
    for _ in range(case.count):
        now = now + schedule.remaining_estimate(now)
        if now >= END:
            break
        times.append(now.astimezone(timezone.utc))
    return times


def model(probe: Probe, case: Case, features: list[str]) -> list[datetime]:
    """Our due times, where we do as Celery does in `features`."""
    found = probe.next(
        case,
        gap="SHIFT" if GAP in features else "NEXT_VALID",
        fold="FIRST" if FOLD in features else "AUTO",
    )
    return found or []


def wall_walk(probe: Probe, case: Case) -> list[datetime]:
    """Celery's rule whole: the next match on the wall clock after what it showed at the last run.

    The match is read with the pass (`fold`) of the last run, and by the offset before a gap.
    """
    zone = ZoneInfo(case.zone)
    last = case.after
    times = []
    for _ in range(case.count):
        shown = last.astimezone(zone)
        minute = shown.replace(tzinfo=timezone.utc, second=0, microsecond=0)
        found = probe.next(replace(case, zone="UTC", after=minute, count=1))
        if not found:
            break
        last = found[0].replace(tzinfo=zone, fold=shown.fold).astimezone(timezone.utc)
        times.append(last)
    return times


def walk_reasons(case: Case, ours: list[datetime], theirs: list[datetime]) -> list[str]:
    """Where the walk departs from our SHIFT and FIRST; empty if anything else differs."""
    zone = ZoneInfo(case.zone)
    end = min(ours[-1], theirs[-1])
    missing = {t for t in ours if t <= end} - set(theirs)
    added = {t for t in theirs if t <= end} - set(ours)
    reasons = []
    if added and case.after.astimezone(zone).fold == 1:
        reasons.append(SECOND_PASS)
        added = {t for t in added if t.astimezone(zone).fold != 1}
    if missing:
        reasons.append(LOST_REST)
        missing = {t for t in missing if not _is_after_gap(t, zone)}
    return [] if missing or added else reasons


def _is_after_gap(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall time by the offset of up to a day before was removed by a gap."""
    offset = instant.astimezone(zone).utcoffset()
    for hours in (0.5, 1, 2, 24):
        before = (instant - timedelta(hours=hours)).astimezone(zone).utcoffset()
        assert before is not None and offset is not None
        if timedelta(0) < offset - before >= timedelta(hours=hours):
            return True
    return False
