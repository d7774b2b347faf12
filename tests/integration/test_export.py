"""`z4j-scheduler export --to celery` with the real library: what leaves, what stays, and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.scheduler_server import SchedulerServer

WRONG_FIRES = """
import z4j_adapters.transfer.exporting.run as run
from z4j_adapters.cli import main

right = run._next
# A library that is an hour late from the 50th due time on, for what is due at noon.
def wrong(found, after, count):
    times = right(found, after, count)
    noon = times and times[0] // 3_600_000_000 % 24 == 12
    return [at + (3_600_000_000 if noon and i >= 50 else 0) for i, at in enumerate(times)]

run._next = wrong
raise SystemExit(main())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchedulerServer]:
    """One node; each test has a project of its own."""
    with SchedulerServer(tmp_path_factory.mktemp("export")) as started:
        yield started


class Project:
    """Schedules to export, and the command."""

    def __init__(self, server: SchedulerServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.name = f"p{uuid.uuid4().hex[:12]}"
        self.file = folder / "schedules.py"

    def create(self, name: str, *words: str, engine: str = "celery") -> None:
        what = ("--engine", engine, "--task", "proj.mail")
        self.server.cli("schedule", "create", name, "-p", self.name, *what, *words)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """An export to Celery."""
        command = [str(self.server.binary), "export", "--to", "celery", "--output", str(self.file)]
        return subprocess.run(
            [*command, "--server", self.server.address, "-p", self.name, *words],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "VIRTUAL_ENV": str(Path(sys.executable).parent.parent), **variables},
        )

    def json(self, *words: str, code: int = 0, **variables: str) -> dict[str, Any]:
        """What it says with -o json."""
        done = self.run(*words, "-o", "json", **variables)
        assert done.returncode == code, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def names(self) -> set[str]:
        """The entries of the file that was written."""
        found: dict[str, Any] = {}
        exec(self.file.read_text(), found)
        return set(found["beat_schedule"])


@pytest.fixture
def project(server: SchedulerServer, tmp_path: Path) -> Project:
    """Two crons in UTC that Celery can hold."""
    made = Project(server, tmp_path)
    for name, cron in (("noon", "0 12 * * *"), ("five", "*/5 * * * mon-fri")):
        made.create(name, "--cron", cron, "--time-zone", "UTC")
    return made


def test_what_celery_holds_is_written_and_proved(project: Project) -> None:
    said = project.json("--prove", "60")
    assert said["target"]["kind"] == "celery"
    assert [(x["id"], x["proof"]) for x in said["schedules"]] == [
        ("five", {"compared": 60, "identical": True}),
        ("noon", {"compared": 60, "identical": True}),
    ]
    assert project.names() == {"noon", "five"}
    assert [path.name for path in project.folder.iterdir()] == ["schedules.py"]


def test_the_proof_reaches_the_next_changes_of_the_clock(
    server: SchedulerServer, project: Project
) -> None:
    project.name = f"p{uuid.uuid4().hex[:12]}"
    words = ("--cron", "0 12 * * *", "--time-zone", "Europe/Berlin")
    project.create("berlin", *words)
    said = project.json("--prove", "3")
    assert said["schedules"][0]["proof"] == {"compared": 9, "identical": True}


def test_the_zone_of_most_crons_is_taken_unless_another_is_given_and_told(project: Project) -> None:
    project.create("early", "--cron", "0 12 * * *", "--time-zone", "Asia/Tokyo")
    said = project.json(code=1)
    assert [(x["object"], x["code"]) for x in said["refused"]] == [("early", "R9_ZONE")]
    assert said["target"]["zone"] == "UTC" and project.names() == {"noon", "five"}
    report = project.run("--force").stdout
    assert "the zone of all crons there: UTC" in report and "--timezone chooses" in report
    report = project.run("--force", "--timezone", "Asia/Tokyo").stdout
    assert "the zone of all crons there" not in report and project.names() == {"early"}


def test_what_celery_does_not_hold_stays_here_with_reason_and_remedy(project: Project) -> None:
    project.create("seconds", "--cron", "*/10 * * * * *", "--time-zone", "UTC")
    project.create("alone", "--cron", "0 5 * * *", "--time-zone", "UTC", "--overlap", "skip")
    project.create("foreign", "--cron", "0 5 * * *", "--time-zone", "UTC", engine="rq")
    said = project.json(code=1)
    refused = {x["object"]: x["code"] for x in said["refused"]}
    assert refused.keys() == {"alone", "foreign", "seconds"}
    assert refused["foreign"] == "R9_ENGINE"
    assert all(x["reason"] and x["remedy"] for x in said["refused"])
    assert project.names() == {"noon", "five"}
    done = project.run("--force", "--drop", "overlap", "--engine", "celery")
    assert done.returncode == 1
    assert project.names() == {"noon", "five", "alone"}
    assert "seconds  R9" in done.stdout
    assert "3 exported, 1 refused; for celery" in done.stdout


def test_a_schedule_that_would_fire_otherwise_is_never_in_the_file(project: Project) -> None:
    python = project.folder / "python"
    program = project.folder / "wrong.py"
    program.write_text(WRONG_FIRES)
    python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {program} "$@"\n')
    python.chmod(0o755)
    said = project.json("--python", str(python), code=1)
    (refused,) = said["refused"]
    assert (refused["object"], refused["code"]) == ("noon", "R9_DIFFERS")
    assert "13:00:00 +00:00 (13:00:00 UTC), here" in refused["reason"]
    assert project.names() == {"five"}
    assert [x["id"] for x in said["schedules"]] == ["five"]


def test_what_was_exported_comes_back_as_it_was(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert project.run().returncode == 0
    app = "from celery import Celery\nimport schedules\n\napp = Celery('proj')\n"
    app += "app.conf.timezone = schedules.timezone\n"
    app += "app.conf.beat_schedule = schedules.beat_schedule\n"
    app += "app.conf.result_expires = None\n\n\n@app.task(name='proj.mail')\ndef mail(): ...\n"
    (project.folder / "proj.py").write_text(app)
    with SchedulerServer(tmp_path_factory.mktemp("other"), name="other") as other:
        command = [str(other.binary), "import", "--from", "celery", "--celery-app", "proj:app"]
        done = subprocess.run(
            [*command, "--server", other.address, "--apply", "--python", sys.executable],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=project.folder,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        there = {x["name"].split("/")[-1]: x for x in other.cli("schedule", "list")}
        assert there.keys() == {"noon", "five"}
        for name in there:
            ours, theirs = (
                side.cli(
                    "schedule",
                    "preview",
                    "--after",
                    "2027-01-01T00:00:00Z",
                    f"projects/{of}/schedules/{name}",
                )
                for side, of in ((project.server, project.name), (other, "default"))
            )
            assert ours == theirs


def test_the_targets_own_flags_go_to_its_writer(project: Project) -> None:
    project.create("every", "--interval", "7m", "--anchor", "2026-01-01T00:01:30Z")
    said = project.json("--only", "every", code=1)
    assert [x["code"] for x in said["refused"]] == ["R9_PHASE"]
    assert (said["written"], project.file.exists()) == (False, False)
    state = project.folder / "celerybeat-schedule"
    said = project.json("--only", "every", "--force", "--state", str(state))
    assert said["schedules"][0]["proof"] == {"compared": 100, "identical": True}
    assert [path.name for path in project.folder.glob("celerybeat-schedule*")]
    said = project.json("--only", "every", "--force", "--any-phase")
    assert "ANY_PHASE" in [x["code"] for x in said["schedules"][0]["notes"]]
    assert said["totals"]["notProved"] == 1


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ('echo \'{"type":"target","kind":"x"}\'; exit 9', 7, "amid its work (exit code 9)"),
        ('echo \'{"type":"end"}\'', 2, "said nothing of 'five'"),
        ('echo \'{"type":"exported","id":"no"}\'', 2, "'no', which it was not given"),
        ("echo Traceback", 2, "no line of z4j-adapter export"),
    ],
)
def test_a_writer_that_dies_or_breaks_its_word_writes_nothing(
    project: Project, script: str, code: int, message: str
) -> None:
    python = project.folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    project.file.write_text("mine")
    done = project.run("--python", str(python), "--force")
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert project.file.read_text() == "mine"
    assert {path.name for path in project.folder.iterdir()} == {"python", "schedules.py"}


def test_an_error_of_the_writer_is_one_sentence_and_writes_nothing(project: Project) -> None:
    done = project.run("--no-such-flag", "x")
    assert done.returncode == 2
    assert "--no-such-flag" in done.stderr
    assert not project.file.exists()


def test_a_target_explains_its_own_flags(project: Project) -> None:
    assert "--state FILE" in project.run("--target-help").stdout


def test_a_python_without_our_package_is_told_how_to_get_it(project: Project) -> None:
    python = project.folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    done = project.run("--python", str(python))
    assert done.returncode == 2
    assert f"{python} -m pip install z4j-adapters" in done.stderr
