"""Calendar intervals and lint on the command line, against a running node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.harness.processes import build_dir
from tests.harness.scheduler_server import CliError, SchedulerServer

BINARY = build_dir() / "services" / "scheduler" / "z4j-scheduler"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchedulerServer]:
    """One node with a cron that is hardly meant and a calendar interval that is."""
    with SchedulerServer(tmp_path_factory.mktemp("lint")) as started:
        create = ("schedule", "create")
        what = ("-e", "stub", "-t", "demo.add")
        started.cli(*create, "often", *what, "--cron", "* 5 * * *", "-z", "UTC")
        when = ("--every-months", "1", "--at-time", "09:00", "--from-date", "2026-01-15")
        started.cli(*create, "rent", *what, *when, "-z", "UTC+05:30")
        yield started


def run(server: SchedulerServer, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BINARY), *args, "--server", server.address],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
    )


def codes(output: str) -> list[tuple[str, str]]:
    return [(note["schedule"], note["code"]) for note in json.loads(output)]


def test_a_calendar_interval_is_described_and_previewed(server: SchedulerServer) -> None:
    listed = run(server, "schedule", "list", "--kind", "calendar-interval").stdout
    assert "every month at 09:00 from 2026-01-15 (UTC+05:30)" in listed
    fires = server.cli("schedule", "preview", "rent", "--after", "2026-12-31T00:00:00Z", "-n", "2")
    assert [fire["localTime"] for fire in fires["fires"]] == [
        "2027-01-15T09:00:00+05:30",
        "2027-02-15T09:00:00+05:30",
    ]
    with pytest.raises(CliError) as error:
        server.cli("schedule", "update", "rent", "--cron", "@daily", "--at-time", "10:00")
    assert error.value.code == 2
    assert "--at-time: goes with --every-days" in error.value.stderr


def test_lint_reads_what_is_stored(server: SchedulerServer) -> None:
    done = run(server, "schedule", "lint", "-o", "json")
    assert codes(done.stdout) == [("often", "EVERY_MINUTE")]
    assert "1 note on 2 schedules" in done.stderr
    assert done.returncode == 0
    assert run(server, "schedule", "lint", "--exit-code").returncode == 1
    assert run(server, "schedule", "lint", "rent", "--exit-code").returncode == 0
    table = run(server, "schedule", "lint", "often").stdout
    assert "any minute matches: 60 times in hour 5" in table


def test_lint_reads_files_and_lines_of_an_import(server: SchedulerServer) -> None:
    listed = run(server, "schedule", "list", "-o", "json").stdout
    done = run(server, "schedule", "lint", "--file", "-", "-o", "json", stdin=listed)
    assert codes(done.stdout) == [("often", "EVERY_MINUTE")]

    cron = {"spec": {"cron": {"minute": "0,20,40,60"}}, "timeZone": "UTC"}
    lines = [
        {"type": "source", "kind": "celery"},
        {"type": "schedule", "id": "bad", "schedule": cron},
        {
            "type": "schedule",
            "id": "drift",
            "schedule": {"spec": {"interval": {"period": "93600s"}}},
        },
        {"type": "end", "schedules": 2},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    done = run(server, "schedule", "lint", "--file", "-", "-o", "json", stdin=text)
    assert codes(done.stdout) == [("bad", "INVALID"), ("drift", "DAYS_AND_HOURS")]

    refused = run(server, "schedule", "lint", "--file", "-", stdin="no json")
    assert refused.returncode == 2
    assert "line 1 is no JSON object" in refused.stderr
