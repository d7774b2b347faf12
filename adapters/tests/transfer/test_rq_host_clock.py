"""--from rq, RQ 3: crons follow the clock of their host, as RQ's own CronJob computes it there."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rq")
if version("rq").startswith("2."):
    pytest.skip("before RQ 3.0 it is UTC", allow_module_level=True)

from rq.cron import CronJob
from transfer.clocks import EVERYDAY, NAMED_ZONES, NOW, changes, draw_crontab_text, draw_start
from transfer.instants import COUNT, FIRES, SEED, Evaluator, distinct, lines_of, micros
from transfer.tally import tally
from z4j_adapters.engines.rq.importing.native import RqImporter

BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
AT_ONCE = 20  # A config holds so many, of one zone and start.


def piece(draw: random.Random, which: int) -> str:
    low, high = BOUNDS[which]
    first, last = sorted((draw.randint(low, high), draw.randint(low, high)))
    if draw.random() < 0.3:
        return f"*/{draw.choice((2, 5, 10, 15, 20, 30))}" if which < 2 else f"{first}-{last}"
    return str(first) if draw.random() < 0.7 else f"{first}-{last}"


@contextmanager
def host_in(zone: str) -> Iterator[None]:
    """The clock of this process is the zone's, for a while."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def enqueued(expression: str, after: datetime) -> Callable[[], datetime]:
    """RQ's own times, each found when the one before was enqueued."""
    job = CronJob(queue_name="low", func_name="shop.clean", cron=expression)
    at = after

    def following() -> datetime:
        nonlocal at
        job.latest_enqueue_time = at
        at = job.get_next_enqueue_time()
        return at

    return following


def imported(folder: Path, texts: list[str], zone: str, at: datetime) -> list[dict[str, Any]]:
    """What a config with these crons becomes, in its order."""
    config = folder / "drawn_crons.py"
    registers = [f"cron.register(dedent, 'low', cron={text!r})" for text in texts]
    config.write_text("\n".join(["from rq import cron", "from textwrap import dedent", *registers]))
    given = {"cron_config": str(config), "redis_url": None, "timezone": zone}
    lines = lines_of(RqImporter, at=at, fires=FIRES, **given)
    assert len(lines) == len(texts), lines
    return lines


def test_random_crons_in_the_zone_of_a_host_have_rqs_own_times(
    tmp_path: Path, ours: Evaluator
) -> None:
    draw = random.Random(SEED)
    with tally("rq-host", f"RQ {version('rq')} in the zone of a host") as counted:
        while counted.tried < COUNT:
            zone = draw.choice(NAMED_ZONES)
            at = draw_start(draw, zone)
            texts = [draw_crontab_text(draw, piece) for _ in range(AT_ONCE)]
            lines = imported(tmp_path, texts, zone, at)
            with host_in(zone):
                for text, line in zip(texts, lines, strict=True):
                    if not counted.promises(line):
                        continue
                    theirs = distinct(enqueued(text, at), FIRES)
                    what = f"{text!r} in {zone} from {at}"
                    counted.compare(what, line["fires"], theirs)
                    counted.compare(what, ours.next([line["schedule"]], at, FIRES), theirs)
    assert counted.verdicts["EXACT"] > 0.8 * COUNT


def test_of_several_times_in_the_gap_rq_enqueues_the_first_when_the_clock_is_put_forward(
    tmp_path: Path, ours: Evaluator
) -> None:
    zone = "Europe/Berlin"
    change = next(each for each in changes(zone) if each.month == 3)
    at = change - timedelta(hours=2)
    (line,) = imported(tmp_path, ["*/20 2 * * *"], zone, at)
    assert (line["exactness"], line["schedule"]["gap"]) == ("EXACT", "GAP_POLICY_NEXT_VALID")
    with host_in(zone):
        theirs = distinct(enqueued("*/20 2 * * *", at), 3)
    assert theirs[0] == micros(change)
    assert ours.next([line["schedule"]], at, 3) == theirs


def test_everyday_crons_are_exact_wherever_the_host_is(tmp_path: Path) -> None:
    for zone in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney"):
        lines = imported(tmp_path, list(EVERYDAY), zone, NOW)
        assert {line["exactness"] for line in lines} == {"EXACT"}
