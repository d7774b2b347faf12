"""--from apscheduler: jobs that send a task of Celery, as APScheduler 3 stores them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apscheduler")
pytest.importorskip("celery")
pytest.importorskip("sqlalchemy")
if not version("apscheduler").startswith("3."):
    pytest.skip("this is another APScheduler than 3", allow_module_level=True)

from apscheduler.schedulers.background import BackgroundScheduler
from transfer.instants import lines_of
from z4j_adapters.transfer.apscheduler.importing import ApschedulerImporter

PROJECT = """
from celery import Celery
app = Celery("sent_shop", broker="memory://")
@app.task
def clean(x): ...
"""


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Adds a job to a real store, and reads it."""
    (tmp_path / "sent_shop.py").write_text(PROJECT)
    monkeypatch.syspath_prepend(str(tmp_path))
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"

    def run(function: str, **given: Any) -> dict[str, Any]:
        store = {"type": "sqlalchemy", "url": url}
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        scheduler.start(paused=True)
        scheduler.add_job(function, "cron", hour=9, id="job", **given)
        scheduler.shutdown()
        (line,) = lines_of(
            ApschedulerImporter, at=datetime.now(timezone.utc), engine="celery", export=None,
            jobstore_url=url, jobstore_table="apscheduler_jobs",
        )  # fmt: skip
        return line

    yield run
    sys.modules.pop("sent_shop", None)


def test_a_tasks_delay_is_that_task_though_the_store_has_the_task_among_its_arguments(
    imported: Any,
) -> None:
    schedule = imported("sent_shop:clean.delay", args=[5])["schedule"]
    assert (schedule["task"], schedule["argsJson"]) == ("sent_shop.clean", "[5]")


def test_a_task_that_an_app_sends_by_its_name_is_that_task(imported: Any) -> None:
    given: dict[str, Any] = {
        "args": ["billing.collect", [5]],
        "kwargs": {"kwargs": {"a": None}, "queue": "low"},
    }
    given["kwargs"]["expires"] = 90
    schedule = imported("sent_shop:app.send_task", **given)["schedule"]
    assert (schedule["task"], schedule["argsJson"], schedule["kwargsJson"], schedule["queue"]) == (
        *("billing.collect", "[5]", '{"a":null}', "low"),
    )
    assert schedule["expires"] == "90s"
    assert "overlap" not in schedule  # The job only sends it.


@pytest.mark.parametrize("more", [{"countdown": 5}, {"args": "text"}])
def test_a_task_that_is_sent_with_more_than_that_is_refused(
    imported: Any, more: dict[str, Any]
) -> None:
    line = imported("sent_shop:app.send_task", args=["billing.collect"], kwargs=more)
    assert line["code"] == "NO_ENGINE_TASK" and line["remedy"]
