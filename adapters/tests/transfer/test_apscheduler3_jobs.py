"""--from apscheduler, version 3: which task a job is, and what is no job."""

from __future__ import annotations

import pickle
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("apscheduler")
if not version("apscheduler").startswith("3."):
    pytest.skip("this is another APScheduler than 3", allow_module_level=True)

from apscheduler.triggers.cron import CronTrigger
from transfer.apscheduler_kit import AT, read, state, store
from transfer.harmful import Harmful
from transfer.instants import UTC

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("func", "engine", "args", "expected"),
    [
        ("shop.jobs:clean", "rq", (), "shop.jobs.clean"),
        ("shop.jobs:clean", "celery", (), "shop.jobs.clean"),
        ("shop.jobs:clean", "taskiq", (), "shop.jobs:clean"),
        ("shop.jobs:clean", "dramatiq", (), "clean"),
        ("shop.jobs:clean", "arq", (), "clean"),
        ("shop.jobs:clean.delay", "celery", (), "shop.jobs.clean"),
        ("shop.jobs:clean.send", "dramatiq", (), "clean"),
        ("shop.jobs:clean.kiq", "taskiq", (), "shop.jobs:clean"),
        ("shop:queue.enqueue", "rq", ("shop.jobs.clean", 1), "shop.jobs.clean"),
        ("shop:queue.enqueue", "rq", (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean.delay", "rq", (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean.apply_async", "celery", (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean", None, (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean", "rq", ((1, 2),), "R2_ARGUMENTS"),
        ("shop.jobs:clean.delay", "celery", ((1, 2),), "shop.jobs.clean"),
        ("shop.jobs:clean", "rq", (AT,), "R2_ARGUMENTS"),
        ("shop.jobs:clean", "rq", (Path("x"),), "R2_ARGUMENTS"),
        ("shop.jobs:clean", "rq", (float("nan"),), "R2_ARGUMENTS"),
    ],
)
def test_a_function_stands_for_a_task_of_the_engine(
    tmp_path: Path, func: str, engine: str | None, args: tuple[Any, ...], expected: str
) -> None:
    job = state(CronTrigger(hour=9, timezone="UTC"), func=func, args=args)
    (line,) = read(store(tmp_path / "s", job), engine=engine)
    assert (line.get("code") or line["schedule"]["task"]) == expected
    if line["type"] == "refused":
        assert line["remedy"]


def test_a_celery_task_whose_delay_was_added_is_known_by_its_own_name(tmp_path: Path) -> None:
    celery = pytest.importorskip("celery")
    app = celery.Celery("shop", broker="memory://")

    @app.task(name="billing.collect")
    def collect(x: int) -> None: ...

    job = state(
        CronTrigger(hour=9, timezone="UTC"), func="celery.app.task:Task.delay", args=(collect, 5)
    )
    (line,) = read(store(tmp_path / "s", job), engine=None)
    schedule = line["schedule"]
    assert (schedule["engine"], schedule["task"]) == ("celery", "billing.collect")
    assert schedule["argsJson"] == "[5]"
    assert "overlap" not in schedule  # The job only sends the task.


@pytest.mark.timeout(3600)
def test_one_bad_entry_among_ten_thousand_stops_nothing_and_runs_nothing(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    good = pickle.dumps(state(CronTrigger(hour=9, timezone=NEW_YORK)))
    bad = [
        pickle.dumps(state(CronTrigger(timezone="UTC"), args=(Harmful(proof),))),
        pickle.dumps(Harmful(proof)),
        b"no pickle",
        pickle.dumps([1, 2]),
    ]
    url = store(tmp_path / "s", *[good] * 5000, *bad, *[good] * 5000)
    began = datetime.now(UTC)
    lines = read(url)
    print("10,004 jobs in", datetime.now(UTC) - began)
    refused = [line for line in lines if line["type"] == "refused"]
    assert len(lines) == 10_004
    assert [line["code"] for line in refused] == ["R2_ARGUMENTS", *["R2_PICKLE"] * 3]
    assert "builtins.exec" in refused[0]["reason"] and "builtins.exec" in refused[1]["reason"]
    assert not proof.exists()
