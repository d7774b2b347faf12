"""--from rq: the same instants as `rq cron`, and a Redis that stays as it was."""

from __future__ import annotations

import json
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rq")
pytest.importorskip("croniter")
if tuple(map(int, version("rq").split(".")[:2])) < (2, 4):
    pytest.skip("this RQ has no cron jobs", allow_module_level=True)

import redis
from croniter import CroniterBadDateError, croniter
from rq import Queue, Repeat, Retry
from rq.cron import CronScheduler
from transfer.clocks import ZONES, draw_start
from transfer.instants import (
    COUNT,
    FIRES,
    SEED,
    UTC,
    Evaluator,
    contents,
    distinct,
    lines_of,
    micros,
)
from transfer.tally import tally
from z4j_adapters.engines.rq.importing.croniters import cron_fires, cron_spec
from z4j_adapters.engines.rq.importing.native import RqImporter
from z4j_adapters.engines.rq.importing.stored import Unfit
from z4j_adapters.transfer.model import SourceError

AT = datetime(2026, 11, 22, tzinfo=UTC)
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (0, 59), (2025, 2035))
NAMES = {3: ("jan", "jun", "dec"), 4: ("sun", "mon", "fri", "sat")}


def read(**given: Any) -> list[dict[str, Any]]:
    """What becomes of a source."""
    options = {"cron_config": None, "redis_url": None, "workdir": None, "at": AT, "timezone": "UTC"}
    options |= given
    return lines_of(RqImporter, **options)


def piece(draw: random.Random, which: int) -> str:
    low, high = BOUNDS[which]
    first, last = draw.randint(low, high), draw.randint(low, high)
    kind = draw.randrange(12)
    if which in NAMES and kind == 0:
        return draw.choice(NAMES[which])
    if which == 4 and kind == 1:
        return f"{draw.randrange(7)}#{draw.randint(1, 5)}"
    if which == 4 and kind == 2:
        return f"L{draw.randrange(7)}"
    if which == 2 and kind == 1:
        return "L"
    if which == 2 and kind == 2:
        return f"{draw.randint(1, 31)}W"
    if kind == 3:
        return f"*/{draw.randint(1, max(1, high - low))}"
    if kind == 4:
        return f"{first}-{last}/{draw.randint(1, 9)}"
    if kind == 5:
        return f"{first}/{draw.randint(1, 9)}"
    return f"{first}-{last}" if kind == 6 else str(first)


def random_expression(draw: random.Random) -> str:
    fields = []
    for which, often in enumerate((0.8, 0.7, 0.35, 0.2, 0.4)):
        pieces = [piece(draw, which) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
        fields.append(",".join(pieces) if draw.random() < often else "*")
    if draw.random() < 0.2:
        fields.append(piece(draw, 5))
        if draw.random() < 0.4:
            fields.append(piece(draw, 6))
    return " ".join(fields)


def test_random_expressions_have_croniters_instants(ours: Evaluator) -> None:
    draw = random.Random(SEED)
    with tally("rq", f"RQ {version('rq')}, croniter {version('croniter')}") as counted:
        while counted.tried < COUNT:
            expression, at = random_expression(draw), draw_start(draw, draw.choice(ZONES))
            try:
                croniter(expression, at).get_next(datetime)
            except Exception:  # RQ would not take it either.
                counted.invalid += 1
                continue
            try:
                spec, _ = cron_spec(expression)
            except Unfit as error:
                counted.promises({"type": "refused", "code": error.code})
                continue
            assert counted.promises({"type": "schedule", "exactness": "EXACT"})
            schedule = {"spec": {"cron": spec}, "timeZone": "UTC", "gap": "SKIP", "fold": "FIRST"}
            theirs = distinct(one_after_the_other(expression, at), FIRES)
            what, new_each_time = f"{expression!r} from {at}", cron_fires(expression)(at, 20)
            counted.compare(what, new_each_time, theirs[:20])
            counted.compare(what, ours.next([schedule], at, FIRES), theirs)
    assert counted.verdicts["EXACT"] > 0.75 * COUNT


def one_after_the_other(expression: str, after: datetime) -> Callable[[], datetime | None]:
    """Asks one croniter for due time after due time."""
    iterator = croniter(expression, after)

    def following() -> datetime | None:
        try:
            found: datetime = iterator.get_next(datetime)
        except CroniterBadDateError:
            return None
        return found

    return following


def fields_of(expression: str) -> dict[str, str]:
    spec, _ = cron_spec(expression)
    return {name: value for name, value in spec.items() if value not in ("*", "0")}


def test_trap_11_and_12_two_day_fields_are_an_or_unless_one_is_every_day() -> None:
    assert fields_of("0 0 13 * 5") == {
        "dayOfMonth": "13",
        "dayOfWeek": "5",
        "dayMatch": "DAY_MATCH_OR",
    }
    odd = fields_of("0 0 */2 * 1")
    assert odd["dayOfMonth"].startswith("1,3,5") and odd["dayOfWeek"] == "1"


def test_trap_17_the_second_is_last() -> None:
    assert cron_spec("*/15 * * * * *")[0]["second"] == "*"
    assert cron_spec("*/15 * * * * *")[0]["minute"] == "0,15,30,45"
    assert fields_of("5 4 * * * 30 2027")["year"] == "2027"


def test_trap_36_and_37_the_installed_croniter_says_what_its_steps_and_names_mean() -> None:
    sixty = croniter("59/15 * * * *").expanded[0]
    assert cron_spec("59/15 * * * *")[0]["minute"] == ",".join(map(str, sixty))
    every_day = croniter("0 0 * * mon-mon").expanded[4] == ["*"]
    assert (cron_spec("0 0 * * mon-mon")[0]["dayOfWeek"] == "*") is every_day


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("R * * * *", "R3_RANDOM"),
        ("R(0-10) * * * *", "R3_RANDOM"),
        ("H * * * *", "R3_RANDOM"),
        ("0 0 31 2 *", "R6_NEVER_FIRES"),
        ("0 0 * *", "R5_BAD_CRON"),
        ("0 0 13 * 5#2", "R5_MIXED_DAYS"),
        ("0 0 13 * */1,5#2", "R5_MIXED_DAYS"),
        ("0 0 31W * *", "R5_MIXED_DAYS"),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(expression: str, code: str) -> None:
    with pytest.raises(Unfit) as refusal:
        cron_spec(expression)
    assert refusal.value.code == code and refusal.value.remedy


CONFIG = """
from rq import cron
from ported_jobs import clean, send
print("loading")
cron.register(clean, queue_name="low", cron="30 10 * * 2", args=(1, "x"), kwargs={"deep": None})
cron.register(send, "mail", interval=90, job_timeout="5m", result_ttl=0, ttl=60, meta={"a": 1})
cron.register(clean, queue_name="low", cron="0 0 31 2 *")
cron.register(clean, queue_name="low", cron="0 1 * * *", args=(object(),))
cron.register(lambda: 1, "low", interval=5)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    """A project with a cron config."""
    path = list(sys.path)
    (tmp_path / "ported_jobs.py").write_text("def clean(*a, **k): ...\ndef send(*a, **k): ...\n")
    (tmp_path / "ported_cron.py").write_text(CONFIG)
    yield tmp_path
    sys.path[:] = path
    for name in ("ported_jobs", "ported_cron"):
        sys.modules.pop(name, None)


def test_a_cron_config_is_read_as_rq_reads_it(shop: Path) -> None:
    lines = read(cron_config="ported_cron", workdir=shop, fires=2)
    cron, interval = (line for line in lines if line["type"] == "schedule")
    schedule = cron["schedule"]
    assert (schedule["engine"], schedule["task"], schedule["queue"]) == (
        "rq",
        "ported_jobs.clean",
        "low",
    )
    assert (schedule["argsJson"], schedule["kwargsJson"]) == ('[1,"x"]', '{"deep":null}')
    assert schedule["timeZone"] == "UTC" and schedule["catchUp"] == "CATCH_UP_SKIP"
    assert cron["fires"][0] == micros(datetime(2026, 11, 24, 10, 30, tzinfo=UTC))
    assert interval["schedule"]["engineOptions"] == {
        "timeout": "300",
        "result_ttl": "30",
        "meta": '{"a":1}',
    }
    assert interval["schedule"]["expires"] == "60s"
    assert interval["schedule"]["spec"]["interval"] == {
        "period": "90s",
        "anchorTime": "2026-11-22T00:00:00Z",
    }
    assert [note["code"] for note in interval["reasons"] + interval["warnings"]] == [
        "STARTS_NOW",
        "KEPT_LONGER",
    ]
    refused = {line["code"] for line in lines if line["type"] == "refused"}
    assert refused == {"R6_NEVER_FIRES", "R2_ARGUMENTS"}
    assert len([line for line in lines if line["type"] == "refused"]) == 3


REGISTER = "import json\nfrom rq import cron\ncron.register(json.dumps, 'low', "


def test_trap_19_rq_cron_is_in_utc_whatever_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Rome")
    time.tzset()
    try:
        (tmp_path / "roman_cron.py").write_text(f"{REGISTER}cron='30 10 * * 2')\n")
        (line,) = read(cron_config="roman_cron", workdir=tmp_path, fires=1)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert line["schedule"]["timeZone"] == "UTC"
    assert line["fires"] == [micros(datetime(2026, 11, 24, 10, 30, tzinfo=UTC))]


def test_trap_42_an_interval_of_rq_says_that_it_starts_now(tmp_path: Path) -> None:
    (tmp_path / "often_cron.py").write_text(f"{REGISTER}interval=90)\n")
    (line,) = read(cron_config="often_cron", workdir=tmp_path)
    assert [note["code"] for note in line["reasons"]] == ["STARTS_NOW"]
    interval = line["schedule"]["spec"]["interval"]
    assert interval == {"period": "90s", "anchorTime": "2026-11-22T00:00:00Z"}


@pytest.mark.parametrize("text", ["import sys; sys.exit(3)", "1 / 0", "import not_there", "def"])
def test_a_config_that_does_not_load_is_one_error(shop: Path, text: str) -> None:
    (shop / "ported_cron.py").write_text(text)
    with pytest.raises(SourceError) as error:
        read(cron_config="ported_cron", workdir=shop)
    assert error.value.code == "IMPORT_FAILED" and error.value.remedy


@pytest.fixture
def client(redis_server: Any) -> Iterator[redis.Redis]:
    """An empty Redis."""
    with redis.Redis.from_url(redis_server.url) as found:
        found.flushall()
        yield found


@pytest.mark.skipif(version("rq").startswith("2."), reason="before RQ 3.0 it is UTC")
def test_from_rq_3_on_the_zone_of_the_host_is_asked_for(shop: Path) -> None:
    given = {"cron_config": "ported_cron", "workdir": shop, "fires": 2}
    refused = read(**given, timezone=None)[0]
    assert refused["code"] == "R4_ZONE" and "--timezone" in refused["remedy"]
    line = read(**given, timezone="Europe/Berlin")[0]
    assert line["schedule"]["timeZone"] == "Europe/Berlin" and line["exactness"] == "EXACT"
    assert (line["schedule"]["gap"], line["schedule"]["fold"]) == (
        "GAP_POLICY_SHIFT",
        "FOLD_POLICY_FIRST",
    )
    assert line["fires"][0] == micros(datetime(2026, 11, 24, 9, 30, tzinfo=UTC))


@pytest.mark.skipif(version("rq").startswith("2."), reason="before RQ 3.0 it is UTC")
def test_what_rq_3_leaves_out_when_clocks_go_forward_is_told(shop: Path) -> None:
    given = {"cron_config": "ported_cron", "workdir": shop, "timezone": "Europe/Berlin"}
    config = shop / "ported_cron.py"
    config.write_text(CONFIG.replace("30 10 * * 2", "15,45 2 * * *"))
    line = read(**given)[0]
    assert line["exactness"] == "APPROXIMATE"
    (reason,) = line["reasons"]
    assert reason["code"] == "DST_DIFFERS"
    told = "until 2028-11-23: only here 2027-03-28T01:45:00Z, 2028-03-26T01:45:00Z"
    assert reason["message"].endswith(told), reason


def test_what_a_running_rq_cron_wrote_is_read(
    shop: Path, client: redis.Redis, redis_server: Any
) -> None:
    sys.path.insert(0, str(shop))
    scheduler = CronScheduler(connection=client, name="one")
    scheduler.load_config_from_file("ported_cron")
    for job in scheduler.get_jobs():
        if job.interval == 90:
            job.set_enqueue_time(AT + timedelta(seconds=7))
    scheduler.save()
    before = contents(client)
    lines = read(redis_url=redis_server.url, fires=2)
    cron, interval = (line for line in lines if line["type"] == "schedule")
    assert cron["schedule"]["argsJson"] == '[1,"x"]'
    anchor = interval["schedule"]["spec"]["interval"]["anchorTime"]
    assert anchor == "2026-11-22T00:01:37Z"
    assert contents(client) == before
    both = read(redis_url=redis_server.url, cron_config="ported_cron", workdir=shop)
    again = [line for line in both if line.get("schedule", {}).get("queue") == "mail"]
    assert again[0]["schedule"]["spec"]["interval"]["anchorTime"] == anchor


class Harmful:
    """Writes a file when it is read by pickle.loads."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.proof)!r}, 'w').close()",)


def test_trap_20_and_21_waiting_jobs_are_one_shots_at_their_score(
    client: redis.Redis, redis_server: Any, tmp_path: Path
) -> None:
    """The stored instant counts, and a Repeat waits for success."""
    queue = Queue("low", connection=client)
    at = datetime(2027, 1, 5, 12, tzinfo=UTC)
    queue.enqueue_at(at, "shop.jobs.clean", 1, deep=True, job_id="once", job_timeout=60)
    queue.enqueue_at(at, "shop.jobs.clean", job_id="tries", retry=Retry(3, [1, 2]), meta={"m": 1})
    queue.enqueue_at(at, "shop.jobs.clean", job_id="again", repeat=Repeat(3, [10, 20, 30]))
    queue.enqueue_at(at, "shop.jobs.clean", {1, 2}, job_id="a-set")
    proof = tmp_path / "ran"
    queue.enqueue_at(at, "shop.jobs.clean", job_id="bad")
    client.hset("rq:job:bad", "data", pickle.dumps(Harmful(proof)))
    client.zadd("rq:scheduled:low", {"gone": 1})
    before = contents(client)
    lines = {line.get("id") or line["object"]: line for line in read(redis_url=redis_server.url)}
    once = lines["once"]["schedule"]
    assert once["spec"] == {"oneShot": {"fireTime": "2027-01-05T12:00:00Z"}}
    assert (once["task"], once["argsJson"], once["kwargsJson"]) == (
        "shop.jobs.clean",
        "[1]",
        '{"deep":true}',
    )
    assert (once["queue"], once["engineOptions"]["timeout"]) == ("low", "60")
    options = lines["tries"]["schedule"]["engineOptions"]
    assert (options["retry_max"], options["retry_intervals"]) == ("3", "[1,2]")
    assert json.loads(options["meta"]) == {"m": 1}
    refused = {name: line["code"] for name, line in lines.items() if line["type"] == "refused"}
    assert refused == {
        "again": "R7_REPEAT",
        "a-set": "R2_ARGUMENTS",
        "bad": "R2_ARGUMENTS",
        "gone": "NO_JOB",
    }
    assert "builtins.exec" in lines["bad"]["reason"] and not proof.exists()
    assert contents(client) == before


def test_jobs_of_the_json_serializer_are_read(client: redis.Redis, redis_server: Any) -> None:
    from rq.serializers import JSONSerializer

    queue = Queue("low", connection=client, serializer=JSONSerializer)
    queue.enqueue_at(AT + timedelta(days=1), "shop.jobs.clean", [1], a="b", job_id="json")
    (line,) = read(redis_url=redis_server.url)
    assert (line["schedule"]["argsJson"], line["schedule"]["kwargsJson"]) == ("[[1]]", '{"a":"b"}')


def test_a_source_must_be_named_and_be_there() -> None:
    with pytest.raises(SourceError, match="give --cron-config"):
        read()
    with pytest.raises(SourceError) as error:
        read(redis_url="redis://:secret@127.0.0.1:1/0")
    assert error.value.code == "NO_SOURCE" and "secret" not in error.value.message
