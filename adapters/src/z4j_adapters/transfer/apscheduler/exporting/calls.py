"""Which function a job of APScheduler runs for a task: transfer/apscheduler/tasks.py, inverted."""

from __future__ import annotations

import keyword
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from z4j_adapters.transfer.apscheduler.tasks import WRAPPERS
from z4j_adapters.transfer.exporting.model import NotHeld, Wanted
from z4j_adapters.transfer.model import Note

__all__ = ["Call", "call_of"]


@dataclass(frozen=True, slots=True)
class Call:
    """What a job calls."""

    function: str
    """"shop.tasks:clean.delay"."""
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    sends: bool
    """It only hands the task to its engine."""
    notes: tuple[Note, ...]


def call_of(wanted: Wanted, options: Namespace, version: str) -> Call:
    """Find the function.

    Args:
        options: Those of the exporter.
        version: APScheduler's.
    Raises:
        NotHeld: The task's name does not say it, or a job cannot enqueue in that engine.
    """
    engine, task = wanted.engine, wanted.task
    if engine not in WRAPPERS or engine == "arq":
        raise NotHeld(
            f"a job of APScheduler has no way to enqueue in {engine} by itself",
            f"--to {engine}, or a function of yours that enqueues",
            "R9_ENGINE",
        )
    if engine == "rq" and options.rq_queue:
        function = f"{options.rq_queue}.enqueue"
        _check(function, wanted)
        return Call(function, (task,), _given(wanted), True, ())
    if engine == "celery" and options.celery_app:
        return _send_task(wanted, f"{options.celery_app}.send_task")
    if engine == "celery" and version.startswith("3."):
        raise NotHeld(
            "APScheduler 3 hands a Celery task whose .delay it has stored to .delay itself, which "
            "then fails",
            "--celery-app shop.celery:app, whose send_task is called instead",
            "R9_NO_FUNCTION",
        )
    function = _function(task, engine, options.module)
    _check(function, wanted)
    notes = []
    if engine == "rq":
        notes.append(
            Note("RUNS_INSIDE", f"APScheduler runs {function} inside its own process; --rq-queue "
                 "lets it enqueue in RQ")
        )  # fmt: skip
    elif engine != "taskiq":
        notes.append(
            Note("TASK_NAME_ASSUMED", f"the task {task} is taken to be the function {function}")
        )  # fmt: skip
    suffix = "".join(WRAPPERS[engine])
    return Call(function + suffix, wanted.args, wanted.kwargs, bool(suffix), tuple(notes))


def _send_task(wanted: Wanted, function: str) -> Call:
    _check(function, wanted)
    given = _given(wanted)
    if wanted.queue:
        given["queue"] = wanted.queue
    if wanted.expires is not None:
        seconds = wanted.expires.total_seconds()
        given["expires"] = int(seconds) if seconds.is_integer() else seconds
    return Call(function, (wanted.task,), given, True, ())


def _given(wanted: Wanted) -> dict[str, Any]:
    """Arguments apart from what else `send_task` and `enqueue` take."""
    given = {"args": list(wanted.args), "kwargs": wanted.kwargs}
    return {name: value for name, value in given.items() if value}


def _function(task: str, engine: str, module: str | None) -> str:
    if engine == "taskiq" and ":" in task:
        return task
    named, _, name = task.rpartition(".")
    if engine == "dramatiq" or not named:
        if not module:
            raise NotHeld(
                f"the name {task!r} does not say in which module the function is",
                "--module shop.actors, if those of all such tasks are there",
                "R9_NO_FUNCTION",
            )
        named, name = module, task
    return f"{named}:{name}"


def _check(function: str, wanted: Wanted) -> None:
    """Make sure that "module:name" can be Python's."""
    module, _, name = function.partition(":")
    parts = [*module.split("."), *name.split(".")]
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise NotHeld(
            f"its task {wanted.task!r} is no function that Python could import ({function})",
            "name the task after a function of a module",
            "R9_NO_FUNCTION",
        )
