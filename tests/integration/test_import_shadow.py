"""`import shadow`: what the old scheduler sends, against what schedules in shadow record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.celery_side import CeleryAdapter, CeleryWorker
from tests.harness.import_command import Import
from tests.harness.old_scheduler import OldScheduler, by_id
from tests.harness.processes import wait_for

PROJECT = """
    import os
    from celery import Celery

    app = Celery("old", broker=os.environ["BROKER"])
    app.conf.update(task_send_sent_event=True, result_expires=None)
    app.conf.beat_schedule = {
        "quick": {"task": "rec.run", "schedule": 1.0, "args": ["quick"]},
        "slow": {"task": "rec.run", "schedule": 3.0, "args": ["slow"], "kwargs": {"n": 1}},
        "yearly": {"task": "rec.run", "schedule": 86400.0 * 365, "args": ["yearly"]},
    }
"""


class OldCelery(OldScheduler):
    """A Celery project with a real beat."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        source = ("--from", "celery", "--celery-app", "old")
        super().__init__(
            folder,
            stack,
            project={"old": PROJECT},
            command=("celery", "-A", "old", "beat", "--loglevel", "INFO"),
            reader=source,
            watcher=source,
            queue="celery",
        )

    def sent(self) -> list[str]:
        """Task ids that are on their way to workers, or were run."""
        waiting = [json.loads(x) for x in self.redis.client().lrange("celery", 0, -1)]
        return [x["headers"]["id"] for x in waiting]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[OldCelery]:
    with ExitStack() as stack:
        made = OldCelery(tmp_path, stack)
        yield made
        print(made.program.log()[-2000:], made.scheduler.log()[-2000:])


def test_a_real_beat_and_ours_send_the_same_and_the_cutover_can_be_made(old: OldCelery) -> None:
    old.start()
    said = old.shadow("--for", "12s", "--tolerance", "2s")
    lines = by_id(said)
    assert said["verdict"] == "all matched"
    assert lines["quick"]["matched"] >= 10 and lines["slow"]["matched"] >= 3
    assert (lines["yearly"]["matched"], said["totals"]["idle"]) == (0, 1)
    assert said["totals"]["missing"] == said["totals"]["extra"] == 0
    assert said["watched"]["what"] == "celery" and said["gaps"] == []
    assert old.program.stop() == 0
    before = len(old.sent())
    old.scheduler.cli("import", "cutover", "--from", "celery")
    with ExitStack() as stack:
        worker = CeleryWorker(
            old.folder, "tests.harness.recording_tasks:app", RECORDING_BROKER=old.redis.url
        )
        stack.enter_context(worker)
        stack.enter_context(CeleryAdapter(old.folder, [old.scheduler.address], old.redis.url))
        done = "STATE_SUCCEEDED"
        wait_for(
            "fires of ours",
            lambda: sum(f["state"] == done for f in old.scheduler.fires("quick")) >= 3,
        )
        wait_for(
            "every job to have run",
            lambda: (
                not old.redis.client().llen("celery")
                and len(old.redis.client().hkeys("rec:effects")) > before
            ),
        )
        old.scheduler.cli("import", "rollback", "--from", "celery")
    starts = old.redis.client().hgetall("rec:starts")
    assert set(starts.values()) == {"1"}
    states = {x["state"] for x in old.scheduler.cli("schedule", "list")}
    assert states == {"STATE_SHADOW"}


RQ_JOBS = """
    def run(name, n=0):
        pass
"""
RQ_CRONS = """
    from rq import cron
    from rq_jobs import run

    cron.register(run, "mails", args=("quick",), cron="* * * * * *")
    cron.register(run, "mails", args=("slow",), kwargs={"n": 1}, cron="* * * * * */3")
    cron.register(run, "mails", args=("grid",), interval=2)
    cron.register(run, "mails", args=("yearly",), cron="0 0 1 1 *")
"""


def test_a_real_rq_cron_and_ours_enqueue_the_same(tmp_path: Path) -> None:
    with ExitStack() as stack:
        old = OldScheduler(
            tmp_path,
            stack,
            project={"rq_jobs": RQ_JOBS, "rq_crons": RQ_CRONS},
            command=("rq.cli", "cron", "--url", "{url}", "rq_crons"),
            reader=("--from", "rq", "--cron-config", "rq_crons", "--timezone", "UTC"),
            watcher=("--from", "rq", "--redis-url", "{url}"),
            queue="rq:queue:mails",
        )
        old.start()
        said = old.shadow("--for", "8s", "--tolerance", "1s")
    assert (said["verdict"], said["gaps"]) == ("all matched", [])
    counts = sorted(line["matched"] for line in said["schedules"])
    assert counts[0] == 0 and 2 <= counts[1] <= 3 and 3 <= counts[2] <= 5 and counts[3] >= 7
    assert {line["task"] for line in said["schedules"]} == {"rq_jobs.run"}


def test_a_beat_that_stands_still_is_missed_and_one_that_does_more_is_extra(
    old: OldCelery,
) -> None:
    idle = old.shadow("--for", "6s", "--tolerance", "1s", "--only", "quick", code=1)
    assert idle["totals"]["missing"] >= 3 and idle["totals"]["matched"] == 0
    assert idle["verdict"] == "different"
    assert len(by_id(idle)["quick"]["missingAt"]) == idle["totals"]["missing"]
    assert [x["code"] for x in idle["warnings"]] == ["NO_EVENTS"]
    old.scheduler.cli("schedule", "update", "quick", "--interval", "300s")
    old.start()
    text = old.run(
        *("shadow", "--from", "celery", "--celery-app", "old", "--for", "6s"),
        *("--tolerance", "1s", "--only", "slow"),
    )
    assert text.returncode == 0, text.stdout + text.stderr
    assert "verdict: all matched" in text.stdout
    assert "with arguments that no schedule has" in text.stdout


def test_ctrl_c_ends_it_early_with_the_report_so_far(old: OldCelery) -> None:
    old.start()
    words = old.words("shadow", "--from", "celery", "--celery-app", "old", "--for", "24h")
    process = subprocess.Popen(
        [*words, "-o", "json", "--tolerance", "1s"],
        stdout=subprocess.PIPE,
        stderr=(old.folder / "shadow.err").open("wb"),
        env=old.environment,
        cwd=old.folder,
        start_new_session=True,
    )
    wait_for("the watch", lambda: b"Watching" in (old.folder / "shadow.err").read_bytes())
    quick = len(old.scheduler.fires("quick"))
    wait_for("fires", lambda: len(old.scheduler.fires("quick")) >= quick + 5)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    said = json.loads(out)
    assert (process.returncode, said["verdict"]) == (0, "all matched")
    assert said["watched"]["interrupted"] and said["totals"]["matched"] >= 3


def test_without_schedules_in_shadow_it_says_how_to_make_them(imports: Import) -> None:
    done = imports.run("shadow")
    assert done.returncode == 6
    assert "no schedule from stand-in is in shadow" in done.stderr
    assert "--apply --shadow" in done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--for", "soon"), "--for"),
        (("--for", "0s"), "--for: is not above zero"),
        (("--tolerance", "0s"), "--tolerance: is not above zero"),
    ],
)
def test_wrong_usage_is_one_sentence(imports: Import, args: tuple[str, ...], message: str) -> None:
    done = imports.run("shadow", *args)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_a_source_without_a_watcher_is_refused_with_what_to_do(old: OldCelery) -> None:
    done = old.run("shadow", "--from", "celery", "--watch", "no-such")
    assert done.returncode == 2
    assert "no such engine" in done.stderr
