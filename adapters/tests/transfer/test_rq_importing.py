"""--from rq: cron configs, what a running `rq cron` wrote, and jobs that wait in Redis."""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Iterator
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
from rq import Queue, Repeat, Retry
from rq.cron import CronScheduler
from transfer.harmful import Harmful
from transfer.instants import UTC, contents, lines_of, micros
from z4j_adapters.engines.rq.importing.native import RqImporter
from z4j_adapters.transfer.model import SourceError

AT = datetime(2026, 11, 22, tzinfo=UTC)


def read(**given: Any) -> list[dict[str, Any]]:
    """What becomes of a source."""
    options = {"cron_config": None, "redis_url": None, "workdir": None, "at": AT, "timezone": "UTC"}
    options |= given
    return lines_of(RqImporter, **options)


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
