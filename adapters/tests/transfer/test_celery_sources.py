"""Where entries of Celery are read: projects, and the file in which beat keeps its runs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.beat import PersistentScheduler
from celery.schedules import crontab
from transfer.celery_kit import AT, NO_MORE, imported, instant, make_app
from transfer.instants import lines_of
from z4j_adapters import cli
from z4j_adapters.engines.celery.importing.static import CeleryImporter
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.values import micros


def digests(folder: Path) -> dict[str, str]:
    """Of every file."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def beat_file(folder: Path, app: Celery, last_run: datetime, **kwargs: Any) -> Path:
    """A file as a real beat leaves it."""
    path = folder / "celerybeat-schedule"
    beat = PersistentScheduler(app, schedule_filename=str(path))
    for each in beat.schedule.values():
        each.last_run_at = last_run
    beat.close()
    return path


def test_trap_54_beats_file_is_read_and_stays_as_it_is(tmp_path: Path) -> None:
    app = make_app("Europe/Berlin")
    app.conf.beat_schedule = {
        "soon": {"task": "t", "schedule": 3600, "args": (Decimal(1),)},
        "late": {"task": "t", "schedule": 60},
    }
    last_run = AT - timedelta(minutes=10)
    path = beat_file(tmp_path, app, last_run.astimezone(timezone(timedelta(hours=1))))
    before = digests(tmp_path)
    other = make_app("Asia/Tokyo", beat_schedule=app.conf.beat_schedule)
    lines = imported(other, state=path)
    assert digests(tmp_path) == before
    anchor = lines["soon"]["schedule"]["spec"]["interval"]["anchorTime"]
    assert instant(anchor) == last_run
    assert lines["soon"]["reasons"][0]["code"] == "COUNTED_FROM_LAST_RUN"
    assert "overdue" in lines["late"]["reasons"][0]["message"]


@pytest.fixture
def berkeley_db(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat's file is what Debian's Python makes of it without python3-gdbm."""
    ndbm = pytest.importorskip("dbm.ndbm")
    if ndbm.library != "Berkeley DB":
        pytest.skip(f"this Python's dbm.ndbm is {ndbm.library}")
    monkeypatch.setattr("dbm._defaultmod", ndbm)


@pytest.mark.usefixtures("berkeley_db")
@pytest.mark.parametrize("entries", [1, 100])
def test_of_a_file_that_beat_writes_when_it_ends_a_running_beat_is_to_be_stopped(
    tmp_path: Path, entries: int
) -> None:
    app = make_app()
    app.conf.beat_schedule = {str(i): {"task": "t", "schedule": 60} for i in range(entries)}
    path = tmp_path / "celerybeat-schedule"
    beat = PersistentScheduler(app, schedule_filename=str(path))
    beat.sync()
    with pytest.raises(SourceError, match="Berkeley DB") as told:
        imported(app, state=path)
    assert told.value.code == "STATE_UNREADABLE"
    assert "stop beat" in told.value.remedy
    beat.close()
    assert len(imported(app, state=path)) == entries


@pytest.mark.usefixtures("berkeley_db")
def test_runs_of_a_file_that_beat_writes_when_it_ends_are_told_to_be_unsure(tmp_path: Path) -> None:
    entries = {
        "often": {"task": "t", "schedule": 60},
        "nightly": {"task": "t", "schedule": crontab(hour=3, minute=0)},
    }
    app = make_app(beat_schedule=entries)
    lines = imported(app, state=beat_file(tmp_path, app, AT - timedelta(seconds=10)))
    codes = {name: [w["code"] for w in line.get("warnings", [])] for name, line in lines.items()}
    assert "RUN_OF_LAST_STOP" in codes["often"]
    assert "RUN_OF_LAST_STOP" not in codes["nightly"]


def test_what_beat_ran_after_the_moment_of_the_import_does_not_fire_for_it_again(
    tmp_path: Path,
) -> None:
    app = make_app(beat_schedule={"often": {"task": "t", "schedule": 1}})
    path = beat_file(tmp_path, app, AT + timedelta(milliseconds=400))
    line = imported(app, state=path, fires=1)["often"]
    anchor = instant(line["schedule"]["spec"]["interval"]["anchorTime"])
    assert anchor == AT + timedelta(milliseconds=1400)
    assert line["fires"] == [micros(anchor)]


def test_a_hostile_pickle_in_beats_file_runs_nothing(tmp_path: Path) -> None:
    import dbm
    import os
    import pickle

    class Hostile:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    with dbm.open(str(tmp_path / "state"), "c") as file:
        file[b"entries"] = pickle.dumps({"soon": Hostile()})
    app = make_app()
    app.conf.beat_schedule = {"soon": {"task": "t", "schedule": 60}}
    line = imported(app, state=tmp_path / "state")["soon"]
    assert line["reasons"][0]["code"] == "COUNTED_FROM_NOW"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_what_is_no_file_of_beats_is_said_in_one_sentence(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "state").write_bytes(content)
    with pytest.raises(SourceError, match="--state"):
        imported(make_app(), state=tmp_path / "state")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('no settings')", "RuntimeError: no settings"),
        ("import sys; sys.exit('bye')", "sys.exit('bye')"),
        ("import no_such_module_of_mine", "no_such_module_of_mine"),
        ("app = 3", "proj_bad"),
    ],
)
def test_a_project_that_cannot_be_imported_is_an_error_line(
    tmp_path: Path,
    code: str,
    message: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "proj_bad.py").write_text(code)
    monkeypatch.setattr(sys, "path", [*sys.path])
    arguments = ["import", "--from", "celery", "--celery-app", "proj_bad:app"]
    assert cli.main([*arguments, "--workdir", str(tmp_path)]) == 2
    sys.modules.pop("proj_bad", None)
    (line,) = [json.loads(text) for text in capfd.readouterr().out.splitlines()]
    assert line["code"] == "IMPORT_FAILED" and message in line["message"]


def test_a_real_project_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "proj_real.py").write_text(
        textwrap.dedent("""
        from celery import Celery
        from celery.schedules import crontab

        print("loud")
        app = Celery("proj_real", broker="redis://:secret@localhost:1/0", include=["proj_tasks"])
        app.conf.timezone = "Europe/Rome"
    """)
    )
    (tmp_path / "proj_tasks.py").write_text(
        textwrap.dedent("""
        from proj_real import app

        @app.task
        def send(): ...

        @app.on_after_finalize.connect
        def setup(sender, **kwargs):
            sender.add_periodic_task(30.0, send.s(), name="every half minute")
    """)
    )
    # In a process of its own: every later app of a process gets the tasks of all others.
    command = [sys.executable, "-m", "z4j_adapters", "import", "--from", "celery"]
    command += ["--celery-app", "proj_real", "--workdir", str(tmp_path), "--fires", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    assert lines[0]["locator"] == "proj_real" and lines[0]["libraries"]["celery"]
    assert lines[1]["schedule"]["task"] == "proj_tasks.send" and len(lines[1]["fires"]) == 2


def test_without_an_app_the_option_is_named() -> None:
    with pytest.raises(SourceError, match="--celery-app"):
        lines_of(CeleryImporter, at=AT, celery_app=None, **NO_MORE)
