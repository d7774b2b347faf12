"""--from rq-scheduler: the same instants as parse-crontab in the zone of its host."""

from __future__ import annotations

import os
import pickle
import random
import time
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("rq_scheduler") is None:
    pytest.skip("rq-scheduler is not installed here", allow_module_level=True)

import redis
from crontab import CronTab
from rq_scheduler import Scheduler
from rq_scheduler.utils import to_unix
from transfer.clocks import EVERYDAY, NAMED_ZONES, draw_start
from transfer.harmful import Harmful
from transfer.instants import (
    COUNT,
    FIRES,
    SEED,
    UTC,
    Evaluator,
    contents,
    definitions,
    lines_of,
    micros,
)
from transfer.tally import tally
from z4j_adapters.engines.rq.importing.crontabs import table_fires
from z4j_adapters.engines.rq.importing.repeated import RqSchedulerImporter
from z4j_adapters.transfer.zones import zone_of

AT = datetime(2026, 11, 22, tzinfo=UTC)
LIBRARY_END_US = micros(datetime(2100, 1, 1, tzinfo=UTC))  # Its years end with 2099.
BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (2025, 2035))


@pytest.fixture
def client(redis_server: Any) -> Iterator[redis.Redis]:
    """An empty Redis."""
    with redis.Redis.from_url(redis_server.url) as found:
        found.flushall()
        yield found


@pytest.fixture
def scheduler(client: redis.Redis) -> Scheduler:
    """The library's own."""
    return Scheduler(queue_name="low", connection=client)


def read(url: str, zone: str | None = "UTC", **given: Any) -> list[dict[str, Any]]:
    """What becomes of a Redis."""
    key = "rq:scheduler:scheduled_jobs"
    options = {"redis_url": url, "scheduled_key": key, "timezone": zone, "at": AT, **given}
    return lines_of(RqSchedulerImporter, **options)


def piece(draw: random.Random, which: int) -> str:
    low, high = BOUNDS[which]
    first = draw.randint(low, high)
    kind = draw.randrange(11)
    if which == 3 and kind < 2:
        return "L" if kind else f"Z{draw.randint(0, 7)}"
    if which == 5 and kind < 2:
        return f"L{draw.randrange(8)}"
    if which == 4 and kind == 0:
        return draw.choice(("jan", "mar-jun", "dec"))
    if which == 5 and kind == 2:
        return draw.choice(("mon-fri", "sat-sun", "tue"))
    if kind == 3:
        return f"*/{draw.randint(1, max(1, (high - low) // 2))}"
    last = draw.randint(first, high)
    if kind == 4 and last > first:
        return f"{first}-{last}/{draw.randint(1, last - first)}"
    return f"{first}-{last}" if kind == 5 else str(first)


def random_expression(draw: random.Random) -> str:
    fields = [
        ",".join(piece(draw, which) for _ in range(draw.choice((1, 1, 2, 3))))
        if draw.random() < often
        else "*"
        for which, often in ((1, 0.8), (2, 0.7), (3, 0.3), (4, 0.2), (5, 0.4))
    ]
    if draw.random() < 0.1:
        fields.append(piece(draw, 6))
    elif draw.random() < 0.1:
        fields = [piece(draw, 0), *fields, "*"]
    return " ".join(fields)


def host_times(expression: str, zone: str, after: datetime) -> list[int]:
    """What a host in the zone does: naive local times, one after the other."""
    table, found, now = CronTab(expression), [], after
    while len(found) < FIRES:
        wall = now.astimezone(zone_of(zone)).replace(tzinfo=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            following = table.next(now=wall, return_datetime=True)
        if following is None:
            break
        now = following.replace(tzinfo=zone_of(zone)).astimezone(UTC)
        found.append(micros(now))
    return found


def test_random_crontabs_have_the_librarys_instants(
    client: redis.Redis, redis_server: Any, scheduler: Scheduler, ours: Evaluator
) -> None:
    draw = random.Random(SEED)
    library = f"rq-scheduler {version('rq-scheduler')}, crontab {version('crontab')}"
    with tally("rq-scheduler", library) as counted:
        while counted.tried < COUNT:
            expression, zone = random_expression(draw), draw.choice(NAMED_ZONES)
            at = draw_start(draw, zone)
            try:
                CronTab(expression)
            except ValueError:
                counted.invalid += 1
                continue
            client.flushall()
            job = scheduler.schedule(at, "shop.jobs.clean", id="job")
            job.meta["cron_string"] = expression
            job.save()
            (group,) = definitions(read(redis_server.url, zone, at=at, fires=FIRES))
            if counted.promises(group[0]):
                theirs = host_times(expression, zone, at)
                if theirs and theirs[0] <= micros(at):
                    # Amid a repeated hour it asks for a time that is over, and sends it at once.
                    continue
                what, told = f"{expression!r} in {zone} from {at}", group[0].get("fires", [])
                counted.compare(what, told, theirs)
                schedules = [line["schedule"] for line in group]
                got = [us for us in ours.next(schedules, at, FIRES) if us < LIBRARY_END_US]
                counted.compare(what, got, told)
    assert counted.verdicts["EXACT"] > COUNT / 2


def test_trap_18_a_cron_needs_the_zone_of_its_host(scheduler: Scheduler, redis_server: Any) -> None:
    for local in (False, True):  # Which changes nothing.
        scheduler.cron("0 5 * * *", "shop.jobs.clean", id=f"cron{local}", use_local_timezone=local)
    scheduler.schedule(AT, "shop.jobs.clean", interval=60, id="interval")
    refused = [line for line in read(redis_server.url, None) if line["type"] == "refused"]
    assert [line["code"] for line in refused] == ["R4_ZONE", "R4_ZONE"]
    assert "--timezone" in refused[0]["remedy"]
    lines = read(redis_server.url, "Asia/Tokyo")
    zones = {line["id"]: line["schedule"].get("timeZone") for line in lines}
    assert zones == {"cronFalse": "Asia/Tokyo", "cronTrue": "Asia/Tokyo", "interval": None}


def test_a_stored_next_run_of_another_zone_is_told(
    scheduler: Scheduler, client: redis.Redis, redis_server: Any
) -> None:
    scheduler.cron("0 5 * * *", "shop.jobs.clean", id="cron")
    score = datetime(2026, 11, 22, 10, tzinfo=UTC)  # 05:00 in New York.
    client.zadd("rq:scheduler:scheduled_jobs", {"cron": score.timestamp()})
    (line,) = read(redis_server.url, "America/New_York")
    assert line["warnings"] == []
    (line,) = read(redis_server.url, "Europe/Berlin")
    assert line["warnings"][0]["code"] == "ZONE_DOUBTFUL"


def test_the_stored_score_is_what_the_library_computes_in_its_hosts_zone(
    scheduler: Scheduler, client: redis.Redis
) -> None:
    """The library itself, with a host's zone of its own."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    try:
        now = datetime.now(UTC)
        scheduler.cron("30 5 * * *", "shop.jobs.clean", id="cron")
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()
    score = client.zscore("rq:scheduler:scheduled_jobs", "cron")
    (expected,) = table_fires(CronTab("30 5 * * *"), zone_of("America/New_York"))(now, 1)
    assert score * 1_000_000 == expected


def test_trap_11_and_17_all_fields_must_match_and_a_sixth_is_the_year(
    scheduler: Scheduler, redis_server: Any
) -> None:
    scheduler.cron("0 0 13 * 5", "shop.jobs.clean", id="friday")
    scheduler.cron("0 0 1 1 * 2027", "shop.jobs.clean", id="year")
    scheduler.cron("15 0 0 1 1 * *", "shop.jobs.clean", id="second")
    lines = {line["id"]: line["schedule"]["spec"]["cron"] for line in read(redis_server.url)}
    friday = lines["friday"]
    assert (friday["dayOfMonth"], friday["dayOfWeek"]) == ("13", "5")
    assert friday["dayMatch"] == "DAY_MATCH_AND"
    assert (lines["year"]["year"], lines["year"]["second"]) == ("2027", "0")
    assert lines["second"]["second"] == "15"


def test_a_time_in_the_gap_is_told(scheduler: Scheduler, redis_server: Any) -> None:
    scheduler.cron("30 2 * * *", "shop.jobs.clean", id="gap")
    (line,) = read(redis_server.url, "America/New_York")
    assert line["exactness"] == "APPROXIMATE" and line["reasons"][0]["code"] == "DST_DIFFERS"
    changes = "2027-03-14T07:00:00Z, 2028-03-12T07:00:00Z, 2029-03-11T07:00:00Z"
    assert line["reasons"][0]["message"].endswith(f"until 2029-08-18: {changes}"), line
    assert line["schedule"]["gap"] == "GAP_POLICY_NEXT_VALID"
    (line,) = read(redis_server.url, "Asia/Tokyo")
    assert line["exactness"] == "EXACT"


def test_a_frequent_job_that_is_enqueued_again_and_again_before_a_gap_is_told(
    scheduler: Scheduler, redis_server: Any
) -> None:
    scheduler.cron("*/15 * * * *", "shop.jobs.clean", id="often")
    scheduler.cron("58,59 * * * *", "shop.jobs.clean", id="late")
    lines = read(redis_server.url, "Europe/Dublin")
    assert [line["exactness"] for line in lines] == ["APPROXIMATE"] * 2
    lines = read(redis_server.url, "Asia/Tokyo")
    assert [line["exactness"] for line in lines] == ["EXACT"] * 2


def test_of_everyday_crons_only_those_with_a_time_that_the_clocks_leave_out_are_not_exact(
    scheduler: Scheduler, redis_server: Any
) -> None:
    for number, text in enumerate(EVERYDAY):
        scheduler.cron(text, "shop.jobs.clean", id=str(number))
    by_exactness: dict[str, set[str]] = {}
    for line in read(redis_server.url, "Europe/Berlin"):
        by_exactness.setdefault(line["exactness"], set()).add(EVERYDAY[int(line["id"])])
    at_two = {"0 */2 * * *", "0 2 * * *", "30 2 * * *"}
    hourly_or_more = set(EVERYDAY[:7])
    assert by_exactness == {
        "APPROXIMATE": hourly_or_more | at_two,
        "EXACT": set(EVERYDAY) - hourly_or_more - at_two,
    }


def test_trap_21_repeat_counts_all_runs_that_are_left(
    scheduler: Scheduler, redis_server: Any
) -> None:
    at = AT + timedelta(hours=1)
    scheduler.schedule(at, "shop.jobs.clean", args=[1], interval=60, repeat=3, id="three")
    (line,) = read(redis_server.url, fires=10)
    schedule = line["schedule"]
    assert schedule["maxFires"] == "3" and schedule["argsJson"] == "[1]"
    assert schedule["spec"]["interval"] == {
        "period": "60s",
        "anchorTime": "2026-11-22T01:00:00Z",
    }
    assert line["fires"] == [micros(at) + 60_000_000 * number for number in range(3)]
    assert schedule["engineOptions"]["result_ttl"] == "-1" and schedule["queue"] == "low"


def test_redis_stays_as_it_was_and_hostile_meta_runs_nothing(
    scheduler: Scheduler, client: redis.Redis, redis_server: Any, tmp_path: Path
) -> None:
    scheduler.enqueue_at(AT + timedelta(days=1), "shop.jobs.clean", job_id="once")
    scheduler.cron("0 5 * * *", "shop.jobs.clean", id="cron", meta={"mine": 1})
    scheduler.enqueue_at(AT, "shop.jobs.clean", job_id="bad")
    proof = tmp_path / "ran"
    client.hset("rq:job:bad", "meta", pickle.dumps(Harmful(proof)))
    client.zadd("rq:scheduler:scheduled_jobs", {"gone": to_unix(AT)})
    before = contents(client)
    lines = {line.get("id") or line["object"]: line for line in read(redis_server.url)}
    assert contents(client) == before and not proof.exists()
    assert "builtins.exec" in lines["bad"]["reason"]
    assert lines["gone"]["code"] == "NO_JOB"
    assert lines["cron"]["schedule"]["engineOptions"]["meta"] == '{"mine":1}'
    assert lines["once"]["schedule"]["spec"] == {"oneShot": {"fireTime": "2026-11-23T00:00:00Z"}}
