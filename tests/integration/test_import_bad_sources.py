"""`z4j-scheduler import` of Celery projects that misbehave: real modules, the real reader."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.harness.celery_project import CeleryProject
from tests.harness.import_command import Import
from tests.harness.scheduler_server import SchedulerServer

GOOD = 'app.conf.beat_schedule = {"mail": entry(0, 5)}\n'


class BadImport(Import):
    """The command with the reader of Celery."""

    source: CeleryProject

    def run_module(self, text: str, *args: str) -> tuple[int, str, str]:
        """Imports an app whose module is `text`; exit code, output, complaints."""
        self.source.text = text
        done = self.run(*args, reader=CeleryProject.flags)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def project(import_server: SchedulerServer, tmp_path: Path) -> BadImport:
    """A module that is to be set, and an empty project."""
    source = CeleryProject(tmp_path / "source")
    return BadImport(import_server, source, f"p{uuid.uuid4().hex[:12]}")


def test_one_bad_entry_among_ten_thousand_is_named_and_stops_no_other(project: BadImport) -> None:
    text = """
app.conf.beat_schedule = {f"job-{i}": entry(i % 60, i % 24, args=(i,)) for i in range(10_000)}
app.conf.beat_schedule["job-5000"]["args"] = (object(),)
"""
    code, out, err = project.run_module(text, "--apply", "--prove", "0", "-o", "json")
    assert code == 1, err
    said = json.loads(out)
    (refused,) = said["refused"]
    assert (refused["object"], refused["code"]) == ("job-5000", "R2_ARGUMENTS")
    assert (said["totals"]["written"], said["totals"]["failed"]) == (9_999, 0)
    assert len(project.stored()) == 9_999


def test_what_changes_while_it_is_read_counts_as_not_proved(project: BadImport) -> None:
    text = """
from pathlib import Path

reads = Path(__file__).with_name("reads")
reads.write_text((reads.read_text() if reads.exists() else "") + ".")
hour = 5 if reads.read_text() == "." else 6
app.conf.beat_schedule = {"mail": entry(0, hour), "stays": entry(0, 5)}
"""
    code, out, err = project.run_module(text, "--prove", "5", "-o", "json")
    assert code == 0, err
    mail, stays = json.loads(out)["schedules"]
    assert "it was changed in the source while that was read" in json.dumps(mail)
    assert "while that was read" not in json.dumps(stays)


def test_what_a_module_prints_is_no_line_of_the_source(project: BadImport) -> None:
    text = """
import os, subprocess
print('{"type": "schedule", "id": "forged"}')
os.write(1, b"raw\\n")
subprocess.run(["echo", "from a child"])
"""
    code, out, err = project.run_module(text + GOOD, "--prove", "3", "-o", "json")
    assert code == 0, err
    assert [x["id"] for x in json.loads(out)["schedules"]] == ["mail"]
    assert all(word in err for word in ("forged", "raw", "from a child"))


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("raise ValueError('no settings')", 2, "no settings"),
        ("import not_there", 2, "No module named 'not_there'"),
        ("x = (", 2, "SyntaxError"),
        ("import sys; sys.exit(0)", 2, "sys.exit(0)"),
        ("import os; os._exit(0)", 7, "(exit code 0)"),
        ("import os; os.abort()", 7, "(exit code 134)"),
        ("def f(n): return f(n + 1)\nf(0)", 2, "RecursionError"),
    ],
)
def test_a_module_that_ends_badly_is_one_sentence_and_writes_nothing(
    project: BadImport, text: str, code: int, message: str
) -> None:
    ended, out, err = project.run_module(f"{GOOD}{text}\n", "--apply")
    assert (ended, message in err, out) == (code, True, ""), err
    assert "Traceback" not in err
    assert project.stored() == {}


def test_a_thread_that_a_module_leaves_behind_does_not_keep_the_command(
    project: BadImport,
) -> None:
    text = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    code, _, err = project.run_module(text + GOOD, "--apply", "--prove", "0")
    assert code == 0, err
    assert set(project.stored()) == {"mail"}
