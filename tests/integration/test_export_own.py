"""`z4j-scheduler export --to json` and yaml: all of a scheduler, and what another makes of it."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.scheduler_server import SchedulerServer

# Set by the server, not by whoever makes a schedule.
OF_THE_SERVER = (
    *("name", "uid", "etag", "revision", "createTime", "updateTime", "watermarkTime", "source"),
    *("nextFireTime", "fires"),
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SchedulerServer]]:
    """Two that know nothing of each other."""
    with (
        SchedulerServer(tmp_path_factory.mktemp("one")) as one,
        SchedulerServer(tmp_path_factory.mktemp("other")) as other,
    ):
        yield [one, other]


@pytest.fixture
def project(servers: list[SchedulerServer]) -> str:
    """One with a schedule of every kind, each with something that others have not."""
    name = f"p{uuid.uuid4().hex[:12]}"

    def create(schedule: str, *args: str) -> None:
        words = ("schedule", "create", schedule, "-p", name, "--engine", "stub", "--task", "t")
        servers[0].cli(*words, *args)

    berlin = ("--time-zone", "Europe/Berlin")
    create("nightly", "--cron", "30 2 * * 1-5", *berlin, "--gap", "skip", "--fold", "second")
    create("args", "--cron", "@hourly", *berlin, "--args", "[1, 12345678901234567890]")
    create("labelled", "--cron", "0 3 L * *", *berlin, "--label", "team=a", "--label", "x=")
    create("every", "--interval", "90s")
    create("once", "--at", "2199-01-01T00:00:00Z", "--description", 'for "people"\nno: 1')
    create(
        "jittered", "--interval", "1h", "--jitter", "30s", "--overlap", "skip", "--max-fires", "3"
    )
    servers[0].cli("schedule", "pause", "nightly", "-p", name, "--reason", "holiday: all")
    return name


def run(server: SchedulerServer, *words: str) -> subprocess.CompletedProcess[str]:
    """A client verb."""
    return subprocess.run(
        [str(server.binary), *words, "--server", server.address],
        capture_output=True,
        text=True,
        timeout=60,
    )


def stored(server: SchedulerServer, project: str) -> dict[str, dict[str, Any]]:
    """What was asked for of each schedule of the project, by its id."""
    found = {}
    for one in server.cli("schedule", "list", "-p", project, "--limit", "1000"):
        kept = {name: value for name, value in one.items() if name not in OF_THE_SERVER}
        if pause := kept.get("pause"):
            kept["pause"] = {"reason": pause["reason"]}
        found[one["name"].split("/")[-1]] = kept
    return found


def planned(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Id → what is planned."""
    return {one["id"]: one["plan"] for one in json.loads(done.stdout)["schedules"]}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_another_server_makes_the_same_schedules_of_it(
    servers: list[SchedulerServer], project: str, tmp_path: Path, form: str
) -> None:
    one, other = servers
    file = tmp_path / f"all.{form}"
    done = run(one, "export", "--to", form, "--output", str(file), "-p", project, "--prove", "50")
    assert done.returncode == 0, done.stderr
    done = run(other, "import", "--file", str(file), "-p", project, "--apply", "-o", "json")
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)["totals"]
    assert (totals["planned"], totals["identical"]) == ({"create": 6}, 6)
    ours, theirs = stored(one, project), stored(other, project)
    # Its grid begins when it was made, here and there.
    for schedules, server in ((ours, one), (theirs, other)):
        for name in ("every", "jittered"):
            interval = schedules[name]["spec"]["interval"]
            made = server.cli("schedule", "get", name, "-p", project)["createTime"]
            interval.setdefault("anchorTime", made)
    assert theirs == ours
    again = run(other, "import", "--file", str(file), "-p", project, "-o", "json")
    assert set(planned(again).values()) == {"unchanged"}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_where_it_comes_from_nothing_is_to_be_done(
    servers: list[SchedulerServer], project: str, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"all.{form}"
    run(servers[0], "export", "--to", form, "--output", str(file), "-p", project)
    done = run(servers[0], "import", "--file", str(file), "-p", project, "-o", "json")
    assert done.returncode == 0, done.stderr
    assert set(planned(done).values()) == {"unchanged"}
    assert [one["notes"] for one in json.loads(done.stdout)["schedules"]] == [[]] * 6
    servers[0].cli("schedule", "update", "every", "-p", project, "--interval", "91s")
    done = run(servers[0], "import", "--file", str(file), "-p", project, "-o", "json")
    assert done.returncode == 1
    assert planned(done)["every"] == "conflict"


def test_the_same_schedules_are_the_same_bytes(
    servers: list[SchedulerServer], project: str
) -> None:
    first = run(servers[0], "export", "--to", "yaml", "-p", project)
    assert first.stdout == run(servers[0], "export", "--to", "yaml", "-p", project).stdout
    assert [x["type"] for x in yaml.safe_load(first.stdout)] == [
        *("source", *["schedule"] * 6, "end"),
    ]
    assert "6 exported, 0 refused" in first.stderr  # The file has standard output for itself.


def test_some_of_them_can_be_chosen(servers: list[SchedulerServer], project: str) -> None:
    def ids(*words: str) -> list[str]:
        done = run(servers[0], "export", "--to", "json", "-p", project, *words)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [line["id"] for line in lines if line["type"] == "schedule"]

    assert ids("--only", "*l*ed") == ["labelled"]
    assert ids("--label", "team=a") == ["labelled"]
    assert ids("--engine", "celery") == []


def test_a_file_that_is_there_stays_unless_forced(
    servers: list[SchedulerServer], project: str, tmp_path: Path
) -> None:
    file = tmp_path / "all.json"
    file.write_text("mine")
    words = ("export", "--to", "json", "--output", str(file), "-p", project)
    done = run(servers[0], *words)
    assert (done.returncode, file.read_text()) == (5, "mine")
    assert "--force replaces it" in done.stderr
    assert run(servers[0], *words, "--force").returncode == 0
    assert file.read_text().startswith("{")
    assert [path.name for path in tmp_path.iterdir()] == ["all.json"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--to: is required"),
        (("--to", "json", "--output", "yaml"), "-o yaml says in which form to report"),
        (("--to", "json", "--app", "x"), "--app: is not known here"),
        (("--to", "json", "--output", "/no/such/folder/x"), "/no/such/folder/x"),
        (("--to", "json", "--label", "x"), "--label"),
        (("--to", "celery", "--python", "/no/such/python"), "cannot run '/no/such/python'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    servers: list[SchedulerServer], words: tuple[str, ...], message: str
) -> None:
    done = run(servers[0], "export", *words)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_without_a_scheduler_it_says_how_to_start_one(servers: list[SchedulerServer]) -> None:
    words = [str(servers[0].binary), "export", "--to", "json", "--server", "127.0.0.1:1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 7
    assert "no scheduler answers at 127.0.0.1:1" in done.stderr
