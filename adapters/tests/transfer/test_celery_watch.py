"""`z4j-adapter watch --from celery`: a real beat, a real worker, a real Redis."""

from __future__ import annotations

import itertools
import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import CeleryWorker, Process, RedisServer, wait_for
from transfer.instants import contents
from transfer.watching import Watch, watching
from z4j_adapters import cli

BEAT_APP = """
    import os
    from celery import Celery

    app = Celery("beats", broker=os.environ["BROKER"])
    app.conf.task_send_sent_event = os.environ["SENT"] == "1"
    app.conf.result_expires = None
    app.conf.beat_schedule = {
        "one": {"task": "contract.echo", "schedule": 1.0, "args": [1, "a"], "kwargs": {"k": [2]}},
        "long": {"task": "contract.echo", "schedule": 1.0, "args": ["x" * 3000]},
    }
"""


@pytest.fixture
def beat(tmp_path: Path, server: RedisServer) -> Iterator[Callable[..., Process]]:
    """Starts a real beat, with or without the setting that makes it tell."""
    (tmp_path / "beats.py").write_text(textwrap.dedent(BEAT_APP))
    made: list[Process] = []

    def start(*, sent: bool) -> Process:
        words = [sys.executable, "-m", "celery", "-A", "beats", "beat", "--loglevel", "INFO"]
        words += ["--schedule", str(tmp_path / "beat-state")]
        process = Process(words, tmp_path, "beat", BROKER=server.url, SENT=str(int(sent)))
        process.start()
        made.append(process)
        return process

    yield start
    for each in made:
        each.stop()


def by_call(seen: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Jobs by their visible call."""
    calls: dict[str, list[dict[str, Any]]] = {}
    for line in seen:
        call = json.dumps([line["task"], line.get("args"), line.get("kwargs")])
        calls.setdefault(call, []).append(line)
    return calls


ONE = json.dumps(["contract.echo", [1, "a"], {"k": [2]}])


def test_what_beat_sends_is_seen_at_its_instant_also_without_a_worker(
    tmp_path: Path, server: RedisServer, beat: Callable[..., Process]
) -> None:
    with watching(tmp_path, "--from", "celery", "--broker-url", server.url) as watch:
        began = time.time()
        beat(sent=True)
        seen = watch.wait_seen(8)
    ones = by_call(seen)[ONE]
    assert len(ones) >= 3
    assert len({line["id"] for line in seen}) == len(seen)
    for before, after in itertools.pairwise(ones):
        assert 0.5 < (after["at"] - before["at"]) / 1e6 < 2.5
    assert began - 1 < ones[0]["at"] / 1e6 < time.time()
    assert not watch.lines("warning")


def test_arguments_that_celery_shortens_are_not_visible(
    tmp_path: Path, server: RedisServer, beat: Callable[..., Process]
) -> None:
    with watching(tmp_path, "--from", "redbeat", "--broker-url", server.url) as watch:
        beat(sent=True)
        seen = watch.wait_seen(4)
    hidden = [line for line in seen if "args" not in line]
    assert hidden and all(line["kwargs"] == {} for line in hidden)


def test_what_a_worker_received_is_seen_once_also_if_beat_tells_it(
    tmp_path: Path,
    server: RedisServer,
    beat: Callable[..., Process],
    worker: Callable[..., CeleryWorker],
) -> None:
    worker("--concurrency", "1", "-E").start()
    with watching(tmp_path, "--from", "celery", "--broker-url", server.url) as watch:
        told, silent = beat(sent=True), None
        first = {line["id"] for line in watch.wait_seen(4)}
        told.stop()
        silent = beat(sent=False)
        more = watch.wait_seen(len(watch.lines("seen")) + 4)
        silent.stop()
    ids = [line["id"] for line in more]
    assert len(set(ids)) == len(ids) and set(ids) > first


def test_a_worker_that_works_without_events_is_named_in_a_warning(
    tmp_path: Path,
    server: RedisServer,
    beat: Callable[..., Process],
    worker: Callable[..., CeleryWorker],
) -> None:
    worker("--concurrency", "1").start()
    beat(sent=False)
    with watching(tmp_path, "--from", "celery", "--broker-url", server.url) as watch:
        wait_for("the warning", lambda: watch.lines("warning"), 30)
    assert [line["code"] for line in watch.lines("warning")] == ["NO_EVENTS"]
    assert "start workers with -E" in watch.lines("warning")[0]["message"]
    assert not watch.lines("seen")


def test_calls_of_other_tasks_and_retries_are_not_beats(
    tmp_path: Path, server: RedisServer, worker: Callable[..., CeleryWorker]
) -> None:
    from celery import Celery

    worker("--concurrency", "1", "-E").start()
    app = Celery(broker=server.url, set_as_current=False)
    with watching(tmp_path, "--from", "celery", "--broker-url", server.url) as watch:
        app.send_task("contract.retry")
        app.send_task("contract.echo", ["child"], parent_id="a-parent", root_id="a-parent")
        app.send_task("contract.echo", ["last"])
        wait_for("the last", lambda: any(x["args"] == ["last"] for x in watch.lines("seen")))
    assert [(x["task"], x["args"]) for x in watch.lines("seen")] == [
        ("contract.retry", []),
        ("contract.echo", ["last"]),
    ]


def test_nothing_is_taken_from_the_queue_and_nothing_of_it_is_changed(
    tmp_path: Path, server: RedisServer
) -> None:
    from celery import Celery

    app = Celery(broker=server.url, set_as_current=False)
    app.conf.task_send_sent_event = True
    for number in range(5):
        app.send_task("contract.echo", [number])
    before = contents(server.client())
    # When bindings run out: kombu notes it for every listener, and forgets it by itself.
    kombus = {b"_kombu.binding_deadlines", b"celery"}
    with watching(tmp_path, "--from", "celery", "--broker-url", server.url) as watch:
        app.send_task("contract.echo", ["while watched"])
        watch.wait_seen(1)
        queued = server.client().lrange("celery", 0, -1)
    after = contents(server.client())
    assert len(queued) == 6 and server.client().lrange("celery", 1, -1) == queued[1:]
    assert {k: v for k, v in after.items() if k not in kombus} == {
        k: v for k, v in before.items() if k not in kombus
    }


def test_a_lost_connection_is_told_as_a_span_of_which_nothing_is_known(
    tmp_path: Path, server: RedisServer
) -> None:
    with watching(tmp_path, "--from", "celery", "--broker-url", server.url) as watch:
        server.stop()
        server.start()
        wait_for("the span", lambda: watch.lines("lost"), 30)
    (lost,) = watch.lines("lost")
    assert lost["from"] < lost["to"] < time.time() * 1e6


def test_a_broker_that_does_not_answer_is_an_error_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from z4j_adapters.engines.celery.importing import watch

    monkeypatch.setattr(watch, "CONNECT_S", 0.5)
    code = cli.main(["watch", "--from", "celery", "--broker-url", "redis://u:pw@127.0.0.1:1/0"])
    (line,) = (json.loads(text) for text in capfd.readouterr().out.splitlines())
    assert (code, line["type"], line["code"]) == (2, "error", "NO_SOURCE")
    assert "pw" not in line["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give --from SOURCE"),
        (["--from", "no-such"], "no such source"),
        (["--from", "apscheduler"], "run inside its own process"),
        (["--from", "cron"], "system's log"),
        (["--from", "celery", "--watch", "no-such"], "no such engine"),
        (["--from", "celery", "--for", "soon"], "is no duration"),
        (["--from", "celery"], "--celery-app or --broker-url is needed"),
    ],
)
def test_wrong_usage_is_an_error_line(
    words: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["watch", *words]) == 2
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (last["type"], message in last["message"]) == ("error", True), last


def test_the_help_says_what_to_turn_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watch", "--help"]) == 0
    assert "celery" in capfd.readouterr().out
    assert cli.main(["watch", "--from", "celery", "--help"]) == 0
    said = capfd.readouterr().out
    assert "-E" in said and "task_send_sent_event" in said


def test_the_time_of_a_watch_is_bounded_by_for(tmp_path: Path, server: RedisServer) -> None:
    watch = Watch(tmp_path, "--from", "celery", "--broker-url", server.url, "--for", "1s")
    watch.start()
    assert watch.child and watch.child.wait(30) == 0
    first, *_, last = watch.lines()
    assert (first["type"], last["type"]) == ("watching", "end")
    assert 0.9e6 < last["at"] - first["at"] < 5e6


def test_a_source_that_sends_tasks_of_an_engine_is_watched_there(
    tmp_path: Path, server: RedisServer
) -> None:
    words = ("--from", "apscheduler", "--watch", "celery", "--broker-url", server.url)
    with watching(tmp_path, *words) as watch:
        assert watch.lines("watching")[0]["watch"] == "celery"
