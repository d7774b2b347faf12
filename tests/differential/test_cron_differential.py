"""Our due times against those of croniter (OR) and Celery's crontab (AND) on random specs.

A difference is never left out: each must be explained by named reasons, and the explanation is
checked by computing, with our own evaluator, exactly what the peer returned.  What cannot be
explained fails with the spec.  Z4J_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from . import celery_side, croniter_side
from .probe import Probe
from .specs import ZONES, Case, Spec, at_night, celery_spec, croniter_spec, draw_start

CRONITER_SPECS = 1600
CELERY_SPECS = 1000
SEED = int(os.environ.get("Z4J_SEED") or secrets.randbelow(2**32))

Model = Callable[[list[str]], list[datetime]]


@pytest.fixture
def probe() -> Iterator[Probe]:
    with Probe() as running:
        yield running


def smallest_explanation(features: list[str], model: Model, theirs: list[datetime]) -> list[str]:
    """Features none of which can be left out for the model to give `theirs`; empty if none do."""
    if model(features) != theirs:
        return []
    for feature in list(features):
        fewer = [f for f in features if f != feature]
        if model(fewer) == theirs:
            features = fewer
    return features


def explain_croniter(probe: Probe, case: Case) -> list[str]:
    """Why we and croniter differ on the case; empty if there is no known reason."""
    theirs = croniter_side.due_times(case)
    ours = probe.next(case)
    if theirs is None:
        if ours is None:
            return ["equal: never due"]
        if croniter_side.never_meet(probe, case):
            return ["croniter: no date if # or W never meets the other day field"]
        return []
    if ours == theirs:
        return ["equal"]

    def model(features: list[str]) -> list[datetime]:
        return croniter_side.model(probe, case, features)

    reasons = smallest_explanation(croniter_side.FEATURES, model, theirs)
    if not reasons and croniter_side.loses_second_pass(case, model(croniter_side.FEATURES), theirs):
        return ["croniter: loses the second pass of a fold"]
    return reasons


def explain_celery(probe: Probe, case: Case) -> list[str]:
    """Why we and Celery differ on the case; empty if there is no known reason."""
    theirs = celery_side.due_times(case)
    ours = probe.next(case)
    if theirs is None or ours is None:
        return ["equal: never due"] if theirs is ours else []
    if ours == theirs:
        return ["equal"]

    def model(features: list[str]) -> list[datetime]:
        return celery_side.model(probe, case, features)

    reasons = smallest_explanation(celery_side.FEATURES, model, theirs)
    if not reasons and celery_side.wall_walk(probe, case) == theirs:
        return celery_side.walk_reasons(case, model(celery_side.FEATURES), theirs)
    return reasons


def run(
    capsys: pytest.CaptureFixture[str],
    title: str,
    cases: list[Case],
    explain: Callable[[Case], list[str]],
) -> Counter[str]:
    """Explains every case, prints the table, and fails on what has no explanation."""
    reasons: Counter[str] = Counter()
    unexplained = []
    for case in cases:
        found = explain(case)
        reasons.update(found)
        if not found:
            unexplained.append(case)
    data = Path("/usr/share/zoneinfo/tzdata.zi")
    tzdata = data.read_text().split("\n", 1)[0] if data.exists() else "unknown"
    with capsys.disabled():
        print(f"\n{title}: {len(cases)} specs, Z4J_SEED={SEED}, tzdata {tzdata}")
        for reason, count in reasons.most_common():
            print(f"  {count:5}  {reason}")
    assert not unexplained, (
        f"Z4J_SEED={SEED}: {len(unexplained)} without explanation, the first: "
        + ("\n".join(f"{c.spec} | {c.zone} | {c.after.isoformat()}" for c in unexplained[:5]))
    )
    return reasons


def draw_cases(rng: random.Random, count: int, draw: Callable[[random.Random], Spec]) -> list[Case]:
    cases = []
    for _ in range(count):
        zone = "UTC" if rng.random() < 0.4 else rng.choice(ZONES)
        spec = draw(rng)
        if zone != "UTC" and rng.random() < 0.6:
            spec = at_night(rng, spec)
        start = draw_start(rng, zone)
        if zone == "Pacific/Apia" and start.year == 2011:
            # croniter walks through the day that Apia skipped step by step: minutes for seconds.
            spec = spec.with_field("second", "0")
        cases.append(Case(spec, zone, start))
    return cases


def test_agrees_with_croniter(probe: Probe, capsys: pytest.CaptureFixture[str]) -> None:
    cases = draw_cases(random.Random(SEED), CRONITER_SPECS, croniter_spec)
    reasons = run(
        capsys,
        f"croniter {version('croniter')}, OR",
        cases,
        lambda case: explain_croniter(probe, case),
    )
    assert reasons["equal"] > CRONITER_SPECS / 2


def test_agrees_with_celery(probe: Probe, capsys: pytest.CaptureFixture[str]) -> None:
    cases = draw_cases(random.Random(SEED + 1), CELERY_SPECS, celery_spec)
    reasons = run(
        capsys,
        f"Celery {version('celery')}, AND",
        cases,
        lambda case: explain_celery(probe, case),
    )
    assert reasons["equal"] > CELERY_SPECS / 2
