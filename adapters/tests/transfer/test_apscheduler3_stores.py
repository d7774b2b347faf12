"""--from apscheduler, version 3: stores that the library made stay as they were."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import sqlite3
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apscheduler")
if not version("apscheduler").startswith("3."):
    pytest.skip("this is another APScheduler than 3", allow_module_level=True)

from apscheduler.triggers.cron import CronTrigger
from transfer.apscheduler_kit import read, state, store
from transfer.harmful import Harmful
from transfer.instants import UTC, contents
from z4j_adapters.transfer.databases import open_database
from z4j_adapters.transfer.model import SourceError


def real_jobs(scheduler: Any) -> None:
    """Jobs as people add them; one of a module that is not there."""
    add = scheduler.add_job
    add("json:dumps", "cron", id="nine", args=[1], hour=9, day_of_week="mon-fri")
    add("json:dumps", "interval", id="often", args=[1], minutes=5)
    add("json:dumps", "date", id="once", args=[1], run_date="2031-01-01 00:00:00")
    add("json:dumps", "calendarinterval", id="month", args=[1], months=1)
    add("json:dumps", "cron", id="paused", args=[1], hour=9)
    scheduler.pause_job("paused")


EXPECTED = {"month", "nine", "often", "once", "paused"}


def started(**stores: Any) -> Any:
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(jobstores=stores, timezone="Europe/Berlin")
    scheduler.start(paused=True)
    real_jobs(scheduler)
    return scheduler


def test_trap_53_a_store_in_sqlite_stays_byte_for_byte_as_it_was(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    file = tmp_path / "jobs.sqlite"
    scheduler = started(default={"type": "sqlalchemy", "url": f"sqlite:///{file}"})
    scheduler.shutdown()
    with sqlite3.connect(file) as connection:  # A job that APScheduler itself would remove.
        gone = pickle.dumps(state(CronTrigger(hour=9, timezone="UTC"), func="gone.module:task"))
        connection.execute("INSERT INTO apscheduler_jobs VALUES ('gone', 0, ?)", (gone,))
    connection.close()
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    files = sorted(each.name for each in tmp_path.iterdir())
    lines = read(f"sqlite:///{file}", at=datetime.now(UTC), fires=3)
    assert {line["id"] for line in lines} == EXPECTED | {"gone"}
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == files


def test_a_store_in_redis_stays_as_it_was(redis_server: Any) -> None:
    import redis

    host, port = redis_server.url.removeprefix("redis://").partition("/")[0].split(":")
    scheduler = started(default={"type": "redis", "host": host, "port": int(port)})
    scheduler.shutdown()
    with redis.Redis.from_url(redis_server.url) as client:
        before = contents(client)
        assert before
        lines = read(redis_server.url, at=datetime.now(UTC))
        assert {line["id"] for line in lines} == EXPECTED
        assert contents(client) == before


def test_an_export_is_read_like_its_store(tmp_path: Path) -> None:
    scheduler = started()
    file = tmp_path / "jobs.json"
    scheduler.export_jobs(str(file))
    scheduler.shutdown()
    lines = read("", jobstore_url=None, export=file, at=datetime.now(UTC))
    assert {line["id"] for line in lines if line["type"] == "schedule"} == EXPECTED
    data = json.loads(file.read_text())
    proof = tmp_path / "ran"
    harm = base64.b64encode(pickle.dumps(Harmful(proof))).decode()
    data["jobs"][0]["args"] = [{"__apscheduler_pickle__": harm}]
    data["jobs"][1]["trigger"] = {"__apscheduler_pickle__": "!!"}
    file.write_text(json.dumps(data))
    lines = read("", jobstore_url=None, export=file)
    assert [line["code"] for line in lines if line["type"] == "refused"] == [
        "R2_ARGUMENTS",
        "R2_PICKLE",
    ]
    assert not proof.exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"jobstore_url": None}, "WRONG_USAGE"),
        ({"jobstore_url": "mysql://x:secret@h/d"}, "WRONG_USAGE"),
        ({"jobstore_url": "sqlite:////no/such/file"}, "NO_SOURCE"),
        ({"jobstore_url": "redis://:secret@127.0.0.1:1/0"}, "NO_SOURCE"),
        ({"jobstore_url": "postgresql://u:secret@127.0.0.1:1/d"}, "NO_SOURCE"),
        ({"jobstore_url": None, "export": Path("/no/such/file")}, "NO_SOURCE"),
    ],
)
def test_a_source_that_is_not_there_is_one_clear_error(given: dict[str, Any], code: str) -> None:
    if str(given["jobstore_url"]).startswith("postgresql"):
        pytest.importorskip("psycopg")
    with pytest.raises(SourceError) as error:
        read("", **given)
    assert error.value.code == code
    assert "secret" not in f"{error.value.message} {error.value.remedy}"


def test_a_table_that_is_no_store_is_named(tmp_path: Path) -> None:
    url = store(tmp_path / "s")
    with pytest.raises(SourceError, match="no table other"):
        read(url, jobstore_table="other")
    with pytest.raises(SourceError, match="no table's name"):
        read(url, jobstore_table='x"; DROP TABLE apscheduler_jobs; --')


def test_a_store_in_postgresql_is_read_in_a_transaction_that_cannot_write() -> None:
    url = os.environ.get("Z4J_TEST_POSTGRES")
    if not url:
        pytest.skip("tools/with-postgres gives it a server")
    psycopg = pytest.importorskip("psycopg")
    data = pickle.dumps(state(CronTrigger(hour=9, timezone="UTC")))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute("CREATE SEQUENCE shop.number")
        connection.execute(
            "CREATE TABLE shop.apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, "
            "next_run_time FLOAT, job_state BYTEA NOT NULL)"
        )
        connection.execute("INSERT INTO shop.apscheduler_jobs VALUES ('nine', 0, %s)", (data,))
    parts = dict(part.split("=", 1) for part in url.split())
    where = f"postgresql+psycopg2:///{parts.get('dbname', 'postgres')}?host={parts['host']}"
    where += f"&user={parts.get('user', 'postgres')}"
    (line,) = read(where, jobstore_table="shop.apscheduler_jobs")
    assert line["id"] == "nine"
    database = open_database(where)
    with pytest.raises(SourceError, match="read-only transaction"):
        list(database.rows("SELECT nextval('shop.number')"))
    database.close()
    with pytest.raises(SourceError, match="no table apscheduler_jobs"):
        read(where)
