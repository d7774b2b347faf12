"""Which task of an engine a job of APScheduler stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from z4j_adapters.transfer.apscheduler.triggers import Unreadable
from z4j_adapters.transfer.model import Note
from z4j_adapters.transfer.pickles import Record, strangers
from z4j_adapters.transfer.rq_keywords import RQ_KEYWORDS
from z4j_adapters.transfer.values import Inexact, json_text

__all__ = ["CELERY_TASK", "CELERY_TASKS", "ENGINES", "WRAPPERS", "Call", "call_of"]

# How Celery pickles a task whose .delay is a job's function.
CELERY_TASK = "celery.app.registry._unpickle_task_v2"
CELERY_TASKS = (CELERY_TASK, "celery.app.registry._unpickle_task")

# What stands behind the name of a task that the job only sends on its way.
WRAPPERS: dict[str, tuple[str, ...]] = {
    "celery": (".delay",),
    "dramatiq": (".send",),
    "taskiq": (".kiq",),
    "huey": (),
    "rq": (),
    "arq": (),
}
# Engines whose tasks have other names if their owner says so.
NAMED = ("celery", "dramatiq", "taskiq", "huey", "arq")
# Their messages are JSON, so that a tuple arrives as a list there, too.
JSON_ENGINES = ("celery", "dramatiq", "taskiq")
ENGINES = tuple(WRAPPERS)


@dataclass(frozen=True, slots=True)
class Call:
    """What a fire runs."""

    engine: str
    task: str
    args_json: str
    kwargs_json: str
    queue: str = ""
    expires: timedelta | None = None
    sends: bool = False
    """The job there only hands the task to its engine."""
    warnings: tuple[Note, ...] = ()


def call_of(func: str, args: Sequence[Any], kwargs: Mapping[str, Any], engine: str | None) -> Call:
    """Find engine and task.

    Raises:
        Unreadable: No engine was named, or the arguments are not JSON.
    """
    for value in (list(args), dict(kwargs)):
        for path in strangers(value):
            if path not in CELERY_TASKS:
                raise Unreadable(
                    "R2_ARGUMENTS",
                    f"its arguments hold {path}, an object of Python that is no JSON",
                    "pass plain values, such as a key that the task looks up",
                )
    if args and isinstance(args[0], Record) and args[0].path in CELERY_TASKS:
        return _celery_task(func, args, kwargs, engine)
    if engine is None:
        raise Unreadable(
            "NO_ENGINE_TASK",
            f"its function {func} runs inside APScheduler, and here an engine's workers run tasks",
            f"give --engine with one of {', '.join(ENGINES)}, whose workers have it as a task",
        )
    for suffix in WRAPPERS.get(engine, ()):
        if func.endswith(suffix):
            return _made(engine, func.removesuffix(suffix), args, kwargs, sends=True)
    if func.endswith(".enqueue") and engine == "rq":
        return _enqueued(func, args, kwargs)
    if func.endswith(".send_task") and engine == "celery":
        return _sent_by_name(func, args, kwargs)
    last = func.rpartition(".")[2]
    if last in ("apply_async", "send_with_options", "enqueue", "kicker", "delay", "send", "kiq"):
        raise Unreadable(
            "NO_ENGINE_TASK",
            f"its function {func} is not how {engine} is given a task with its arguments alone",
            "name the engine that it belongs to, or create the schedule by hand",
        )
    return _made(engine, func, args, kwargs, sends=False)


def _enqueued(func: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
    """The job's function is `enqueue(path, …)` of a queue of RQ."""
    options = RQ_KEYWORDS.intersection(kwargs) - {"args", "kwargs"}
    if options or not args or not isinstance(args[0], str):
        why = f"gives RQ its option {min(options)}" if options else "does not name what it enqueues"
        raise Unreadable(
            "NO_ENGINE_TASK", f"its function {func} {why}",
            "enqueue by the dotted path of the function, with its arguments alone",
        )  # fmt: skip
    own = args[1:], kwargs
    if "args" in kwargs or "kwargs" in kwargs:
        own = kwargs.get("args") or (), kwargs.get("kwargs") or {}
    return Call("rq", args[0], *_json("rq", *own), sends=True)


def _sent_by_name(func: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
    """The job's function is `send_task(name, args=None, kwargs=None, …)` of a Celery app."""
    given = dict(zip(("name", "args", "kwargs"), args, strict=False)) | dict(kwargs)
    name, queue = given.pop("name", None), given.pop("queue", None) or ""
    expires = given.pop("expires", None)
    own_args, own_kwargs = given.pop("args", None) or (), given.pop("kwargs", None) or {}
    plain = isinstance(own_args, (list, tuple)) and isinstance(own_kwargs, Mapping)
    plain = plain and (expires is None or (type(expires) in (int, float) and expires > 0))
    if len(args) > 3 or given or not plain or not (isinstance(name, str) and name):
        others = f" with {', '.join(given)}" if given else ""
        raise Unreadable(
            "NO_ENGINE_TASK", f"its call of {func}{others} is not one of a task by its name with "
            "arguments, a queue and seconds until it expires alone", "create the schedule by hand",
        )  # fmt: skip
    plain_json = _json("celery", own_args, own_kwargs)
    span = None if expires is None else timedelta(seconds=expires)
    return Call("celery", name, *plain_json, str(queue), span, sends=True)


def _celery_task(
    func: str, args: Sequence[Any], kwargs: Mapping[str, Any], engine: str | None
) -> Call:
    """The job's function is a method of a Celery task, which is its first argument."""
    if engine not in (None, "celery"):
        raise Unreadable(
            "NO_ENGINE_TASK", f"it sends a task of Celery, and --engine says {engine}",
            "leave --engine out, or say celery",
        )  # fmt: skip
    name = (args[0].args or ("",))[0]
    # Of a task that is named after its class, as most are, the path is that of the task.
    if not func.endswith(".delay") or not isinstance(name, str) or not name:
        raise Unreadable(
            "NO_ENGINE_TASK", f"its function {func} is not the .delay of a task",
            "create the schedule by hand",
        )  # fmt: skip
    plain = _json("celery", args[1:], kwargs)
    return Call("celery", name, *plain, sends=True)


def _made(
    engine: str, func: str, args: Sequence[Any], kwargs: Mapping[str, Any], *, sends: bool
) -> Call:
    module, _, name = func.partition(":")
    if not module or not name or "<" in func:
        raise Unreadable(
            "NO_ENGINE_TASK", f"its function {func!r} is not module:function",
            "give the job a function that can be imported",
        )  # fmt: skip
    if engine in ("dramatiq", "arq"):
        task = name.rpartition(".")[2]
    else:
        task = func if engine == "taskiq" else f"{module}.{name}"
    warnings: tuple[Note, ...] = ()
    if engine in NAMED:
        note = f"{engine} knows {func} as {task!r} unless the task was given a name of its own"
        warnings = (Note("TASK_NAME_ASSUMED", note),)
    return Call(engine, task, *_json(engine, args, kwargs), sends=sends, warnings=warnings)


def _json(engine: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, str]:
    tuples = engine in JSON_ENGINES
    try:
        return json_text(list(args), tuples=tuples), json_text(dict(kwargs), tuples=tuples)
    except Inexact as error:
        raise Unreadable(
            "R2_ARGUMENTS", f"its arguments are not JSON: {error}",
            "pass plain values, such as a key that the task looks up",
        ) from None  # fmt: skip
